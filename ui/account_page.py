"""The Account page: sign in, create an account, change the password, sign out."""

from pathlib import Path

import gradio as gr

from db.passwords import MAX_PASSWORD, MIN_PASSWORD
from db.text import MAX_NAME
from ui.hugging_face import LOGIN, provider

_SCRIPT = Path(__file__).with_name("account.js").read_text("utf-8")

_FIRST = """<p class="vk-first" hidden><strong>You are the first here.</strong> This server answers on this computer
only, so whoever creates the first account runs it: yours will be an admin's, who gives others their roles, sees how
people agree, and exports.</p>"""


def build() -> None:
    """Put the page into the Blocks around this call."""
    gr.HTML(_markup(), apply_default_css=False, js_on_load=_SCRIPT, elem_id="vk-page")


def _markup() -> str:
    name = _field(
        "name", "Name", "text", f'autocomplete="username" maxlength="{MAX_NAME}" autocapitalize="none"'
    )
    present = _field("password", "Password", "password", 'autocomplete="current-password"')
    chosen = _field("password", "Password", "password", _new(), _hint())
    changed = _field("password", "Present password", "password", 'autocomplete="current-password"') + _field(
        "new", "New password", "password", _new(), _hint()
    )
    code = _field("code", "Code of the person", "text", f'autocomplete="off" maxlength="{MAX_NAME}"')
    return f"""<div class="vk-account"><h1 class="vl-hidden">Account</h1>
<section class="vk-card vk-nobody" hidden>{_elsewhere()}
<div class="vk-ways" role="group" aria-label="What to do">
<button type="button" data-way="sign-in" aria-pressed="true">Sign in</button>
<button type="button" data-way="sign-up" aria-pressed="false">Create an account</button></div>
{_form("sign-in", "Sign in", name + present)}
{_form("sign-up", "Create the account", _FIRST + name + chosen + _promise(), hidden=True)}
<p class="vk-aside" data-for="sign-in">Forgotten? An admin gives you a new password.</p></section>
<section class="vk-card vk-somebody" hidden>
<h2 class="vk-name"></h2><p class="vk-role"></p>
<p class="vk-on"><a class="vk-press" href="./annotate">Go on annotating</a></p>
<details><summary>Change the password</summary>{_form("password", "Change it", changed)}</details>
<details><summary>Take a person out again</summary>
{_form("withdraw", "Take out", code)}
<p class="vk-aside">All photos with that code that you kept leave the queue, training and exports at once. To have them
erased, write to whoever runs this page.</p></details>
<details class="vk-people" hidden><summary>People and their roles</summary>
<p class="vk-status" role="alert"></p><ul></ul></details>
<form data-do="sign-out"><button type="submit" class="vk-quiet">Sign out</button>
<p class="vk-aside">In all your browsers.</p><p class="vk-status" role="alert"></p></form></section></div>"""


def _elsewhere() -> str:
    """On a Space. A tab of its own: in the frame of huggingface.co browsers may keep cookies back."""
    if provider() is None:
        return ""
    return (
        f'<p><a class="vk-press" href=".{LOGIN}" target="_blank" rel="opener">Sign in with Hugging Face</a></p>'
        '<p class="vk-aside">A new tab opens; only your name there is asked for. The form below is for accounts that '
        "an admin made.</p>"
    )


def _form(do: str, press: str, fields: str, hidden: bool = False) -> str:
    return (
        f'<form data-do="{do}"{" hidden" if hidden else ""}>{fields}'
        f'<p class="vk-status" role="alert"></p><button type="submit" class="vk-press">{press}</button></form>'
    )


def _field(name: str, label: str, kind: str, attributes: str, hint: str = "") -> str:
    show = (
        '<button type="button" class="vk-show" aria-pressed="false">Show</button>'
        if kind == "password"
        else ""
    )
    return (
        f'<label class="vk-field"><span>{label}</span><span class="vk-input">'
        f'<input name="{name}" type="{kind}" required {attributes}>{show}</span>{hint}</label>'
    )


def _new() -> str:
    return f'autocomplete="new-password" minlength="{MIN_PASSWORD}" maxlength="{MAX_PASSWORD}"'


def _hint() -> str:
    return f"<small>At least {MIN_PASSWORD} characters. A few words that do not belong together are good.</small>"


def _promise() -> str:
    return (
        '<p class="vk-aside">Your answers are kept under a made-up name. Exports and reviewers see that one, '
        "never the name you type here.</p>"
    )
