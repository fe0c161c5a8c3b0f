"""One visual language for all pages: Gradio's theme, our stylesheet, and the head that every page begins with."""

from html import escape
from pathlib import Path

import gradio as gr

STYLESHEETS = sorted(
    Path(__file__).parent.glob("*.css"), key=lambda path: (path.name != "style.css", path.name)
)
"""That of all pages first, then those of single ones."""

PAGES = {
    "Analyse": "./",
    "Video": "./video",
    "Annotate": "./annotate",
    "Review": "./review",
    "Training": "./training",
    "About": "./about",
}
"""Title of each page and its address from any other page, in the order of the navigation."""

FOR_REVIEWERS = {"Review", "Training"}
"""Pages that others have no use for; their handlers check the role, the link is only hidden."""

# each in a block of its own: both have names for themselves
_HEAD_SCRIPT = "\n".join(
    f"{{\n{Path(__file__).with_name(name).read_text('utf-8')}}}" for name in ("head.js", "backup_badge.js")
)

# Three bars and the line they are measured against; a drawn face would have an expression.
_MARK = (
    '<svg viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="8" fill="currentColor"/>'
    '<path d="M7 9.5h17M7 16h7M7 22.5h12" stroke="var(--vl-on-accent)" stroke-width="3.4" stroke-linecap="round"/>'
    '<path d="M19 5v22" stroke="var(--vl-on-accent)" stroke-width="1.4" stroke-dasharray="2 2"/></svg>'
)

THEME = gr.themes.Default(
    primary_hue=gr.themes.colors.blue,
    neutral_hue=gr.themes.colors.slate,
    radius_size=gr.themes.sizes.radius_lg,
    # come with Gradio and are served by it: no other host learns of a visit; its semi-bold files lack letters
    font=(
        gr.themes.LocalFont("IBM Plex Sans", weights=(400, 700)),
        "ui-sans-serif",
        "system-ui",
        "sans-serif",
    ),
    font_mono=(gr.themes.LocalFont("IBM Plex Mono", weights=(400, 700)), "ui-monospace", "monospace"),
).set(
    body_background_fill="white",
    body_background_fill_dark="#10161d",
    body_text_color="#16202b",
    body_text_color_dark="#eef2f6",
    body_text_color_subdued="#505d6b",
    body_text_color_subdued_dark="#a8b4c0",
    background_fill_primary_dark="#10161d",
    background_fill_secondary_dark="#18212a",
    block_background_fill_dark="#18212a",
    border_color_primary="#d5dce4",
    border_color_primary_dark="#33404d",
    button_primary_background_fill="#0b5fa5",
    button_primary_background_fill_hover="#084b84",
    button_primary_background_fill_dark="#62b0f0",
    button_primary_background_fill_hover_dark="#86c3f5",
    button_primary_text_color="white",
    button_primary_text_color_dark="#06121d",
    link_text_color="#0b5fa5",
    link_text_color_dark="#62b0f0",
)


def head(current: str) -> gr.HTML:
    """Name, navigation and, when the browser has asked, the last backup and who is signed in.

    `current` is a page's title.
    """
    links = "".join(
        f'<a href="{address}"{" aria-current=page" if title == current else ""}'
        f"{' hidden data-role=reviewer' if title in FOR_REVIEWERS else ''}>{escape(title)}</a>"
        for title, address in PAGES.items()
    )
    return gr.HTML(
        f'<header class="vl-head"><a class="vl-brand" href="./">{_MARK}<span>VL-FAU</span></a>'
        f'<nav class="vl-nav" aria-label="Pages">{links}</nav>'
        '<details class="vl-backup" hidden><summary></summary><p></p></details>'
        f'<a class="vl-who" href="./account"{" aria-current=page" if current == "Account" else ""}>Sign in</a>'
        "</header>",
        apply_default_css=False,
        js_on_load=_HEAD_SCRIPT,
    )


def static_html(html: str) -> gr.HTML:
    """HTML of ours with our stylesheet only, and no click event of Gradio's."""
    return gr.HTML(html, apply_default_css=False, js_on_load=None)
