"""The Data tab as HTML, for admins: how much there is, taking it out as a data set, and the project's settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from db.errors import StoreError
from db.projects import ProjectSettings
from db.values import Consent, ItemState
from ui.review_item import STATES

FORMATS = {
    "parquet": ("Parquet", "for Hugging Face datasets; the photos are inside"),
    "jsonl": (
        "JSON Lines",
        "the same tables and the photos as files; with the whole store, to import it again",
    ),
    "openface": ("OpenFace CSV", "one row per face, AU12_r and AU12_c"),
    "pyfeat": ("py-feat CSV", "one row per face, AU12"),
}
SCOPES = {
    Consent.ANNOTATE: "Everybody who agreed to be annotated: for your own use",
    Consent.PUBLISH: "Only who agreed to be published: for handing on",
}


@dataclass(frozen=True)
class Setting:
    """One number of the form."""

    label: str
    about: str
    low: float
    high: float
    step: float
    percent: bool = False


SETTINGS = {
    "answers_wanted": Setting(
        "Answers for each face", "Of different people. Holds for faces added from now on.", 1, 100, 1
    ),
    "lease_minutes": Setting("Minutes for a face", "Then it goes to somebody else.", 1, 10_080, 1),
    "random_share": Setting(
        "Drawn by chance",
        "The rest goes by priority. Only faces drawn by chance are an honest sample.",
        0,
        100,
        1,
        True,
    ),
    "blind_share": Setting(
        "Without the model's reading",
        "Of faces added from now on. They measure how much seeing it sways people.",
        0,
        100,
        1,
        True,
    ),
    "gold_share": Setting(
        "Known faces", "Of the faces handed out. They measure each annotator.", 0, 100, 1, True
    ),
    "qualification_items": Setting("Known faces to begin with", "0: no qualification round.", 0, 10_000, 1),
    "qualification_accuracy": Setting("To get right in it", "Of the known action units.", 0, 100, 1, True),
    "guideline_version": Setting(
        "Version of the guidelines", "Stored with each answer from now on.", 1, 1_000_000, 1
    ),
}
"""Setting of a project -> how the form asks for it."""


def data_html(numbers: Mapping[str, Any], project: int, settings: ProjectSettings) -> str:
    """`numbers` as `db.stats.stats` gives them."""
    return (
        '<section class="vr-data" aria-label="Data">'
        f"<h2>{escape(settings.name)}</h2>{_states(numbers['projects'].get(settings.name, {}))}"
        f"<h2>Take the data out</h2>{_export(project)}<h2>Settings of the project</h2>{_settings(settings)}"
        f"<h2>The whole store</h2>{_rows(numbers['rows'])}</section>"
    )


def settings_of(data: Any) -> dict[str, Any]:
    """What the form sent as changes of a project; raises `StoreError` for what is no such thing."""
    if not isinstance(data, dict) or not data or not data.keys() <= SETTINGS.keys():
        raise StoreError("These are no settings. The page sent something else. Load the page again.")
    return {name: _value(SETTINGS[name], value) for name, value in data.items()}


def _value(setting: Setting, value: Any) -> float | int:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not setting.low <= value <= setting.high
    ):
        raise StoreError(
            f"'{setting.label}' cannot be this. Found {value!r}. "
            f"Give a number from {setting.low:g} to {setting.high:g}."
        )
    return value / 100 if setting.percent else int(value)


def _states(states: Mapping[str, int]) -> str:
    total = sum(states.values())
    if not total:
        return '<p class="vr-empty">There are no faces in this project yet.</p>'
    lines = "".join(
        f'<li><span>{STATES[ItemState(state)].capitalize()}</span><span class="vr-bar" aria-hidden="true">'
        f'<span style="width:{count / total:.1%}"></span></span><b>{count:,}</b></li>'
        for state, count in states.items()
    )
    return f'<ul class="vr-states">{lines}</ul>'


def _export(project: int) -> str:
    """A plain form: the browser saves what the server sends, and the frame takes what is not a file, a refusal."""
    forms = _radios("format", {name: f"<b>{title}</b> {about}" for name, (title, about) in FORMATS.items()})
    scopes = _radios("scope", {str(scope): text for scope, text in SCOPES.items()})
    return (
        '<form class="vr-form" method="post" action="./review/export" target="vr-export">'
        f'<input type="hidden" name="project" value="{project}">'
        f"<fieldset><legend>Format</legend>{forms}</fieldset><fieldset><legend>Whom</legend>{scopes}</fieldset>"
        "<p>Annotators are pseudonyms, people in the photos are numbers. Whoever withdrew consent is not in it. JSON "
        "Lines for your own use also holds <code>private/store.jsonl</code> with names: keep that one to yourself.</p>"
        '<button type="submit" class="vr-main">Download as ZIP</button><p class="vr-status" role="status"></p>'
        '<iframe class="vl-hidden" name="vr-export" title="Download" tabindex="-1"></iframe></form>'
    )


def _radios(name: str, choices: Mapping[str, str]) -> str:
    return "".join(
        f'<label><input type="radio" name="{name}" value="{value}"{"" if place else " checked"}> '
        f"<span>{text}</span></label>"
        for place, (value, text) in enumerate(choices.items())
    )


def _settings(settings: ProjectSettings) -> str:
    fields = "".join(_field(name, setting, getattr(settings, name)) for name, setting in SETTINGS.items())
    return f'<form class="vr-form vr-settings">{fields}<button type="submit" class="vr-main">Save</button></form>'


def _field(name: str, setting: Setting, value: float) -> str:
    shown = round(value * 100, 4) if setting.percent else value
    unit = " %" if setting.percent else ""
    return (
        f'<label><span>{escape(setting.label)}</span><span class="vr-number">'
        f'<input type="number" name="{name}" value="{shown:g}" min="{setting.low:g}" max="{setting.high:g}" '
        f'step="{setting.step:g}" required>{unit}</span><small>{escape(setting.about)}</small></label>'
    )


def _rows(rows: Mapping[str, int]) -> str:
    cells = "".join(
        f"<li><b>{count:,}</b> {escape(name.replace('_', ' '))}</li>" for name, count in rows.items()
    )
    return (
        f'<ul class="vr-counts">{cells}</ul><p class="vr-rest">Forgetting a person, backups and checks are done '
        "beside the page: <code>python -m db --help</code>.</p>"
    )
