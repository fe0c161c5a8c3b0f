"""The Review page: faces on which people disagree are settled, agreement is measured, and the data is taken out.

Like the Annotate page it is one `gr.HTML` with a script of its own: what somebody does is one message to
`ReviewDesk.act`, and the reply is the page as it is then.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from html import escape

import gradio as gr

from db.errors import NotFound
from db.projects import ProjectSettings, change_project, list_projects
from db.review import adjudicate, review, send_back, set_aside, set_gold
from db.roles import Role
from db.stats import stats
from db.store import Store
from db.values import ItemState
from db.worklist import count_items, listed_items
from ui.agreement import agreement_html
from ui.agreement_reports import reports
from ui.annotate_message import answer_of
from ui.desk import Desk, Reply, script
from ui.guidelines import guidelines_html
from ui.message import Message, MessageError
from ui.review_data import data_html, settings_of
from ui.review_item import item_html
from ui.review_list import TITLES, lists_html
from ui.visitor import Visitor

TABS = {"faces": "Faces", "agreement": "Agreement", "data": "Data"}

_DONE = {
    "settle": "is settled",
    "gold": "is a known face now",
    "back": "goes to one more person",
    "aside": "is set aside",
}
"""What a reviewer can do with a face -> what is said when it is done."""

_SIGN_IN = '<p><a class="vr-main" href="./account?next=review">Sign in</a></p>'
_ANNOTATE = '<p><a class="vr-main" href="./annotate">Annotate faces</a></p>'


@dataclass(frozen=True)
class Place:
    """Where on the page somebody is."""

    tab: str
    state: ItemState
    project: int | None
    item: int | None

    @classmethod
    def of(cls, message: Message) -> "Place":
        """As the browser says it; an unknown tab or list is where everybody begins."""
        tab, state = message.get("tab"), message.get("state")
        return cls(
            tab if isinstance(tab, str) and tab in TABS else "faces",
            ItemState(state) if isinstance(state, str) and state in list(TITLES) else ItemState.DISPUTED,
            message.number_or_none("project"),
            message.number_or_none("item"),
        )


@dataclass(frozen=True)
class Done:
    """What was done a moment ago, and to which face."""

    text: str
    item: int | None = None

    def html(self) -> str:
        link = (
            f' <button type="button" data-open="{self.item}">Look at it again</button>' if self.item else ""
        )
        return f'<p class="vr-done" role="status">{escape(self.text)}{link}</p>'


class ReviewDesk(Desk):
    """What the page asks for, and who may; holds nothing."""

    least = Role.REVIEWER

    def __init__(self, store: Store) -> None:
        verbs = {"go": self.go, "decide": self.decide, "measure": self.measure, "change": self.change}
        super().__init__(store, verbs)

    def closed(self, who: Visitor | None) -> str:
        if who is None:
            return _closed("Reviewing is for people who signed in.", _SIGN_IN)
        return _closed(f"Reviewing is for reviewers. You are {who.role.article}.", _ANNOTATE)

    def go(self, who: Visitor, message: Message) -> Reply:
        """Show a place: a list with a face, the agreement, or the data."""
        return self._show(who, Place.of(message))

    def decide(self, who: Visitor, message: Message) -> Reply:
        """Settle a face, send it back, set it aside or make it known; then show the next one of the list."""
        item, verb = message.number("item"), message.word("verb")
        self._decide(who, item, verb, message)
        place = replace(Place.of(message), item=message.number_or_none("next"))
        project, _ = self._project(who, place)
        listed = [one.item_id for one in listed_items(self.store, who.actor, project, place.state)]
        if place.item not in listed:
            place = replace(place, item=None)
        return self._show(who, place, Done(f"Face {item} {_DONE[verb]}.", item))

    def _decide(self, who: Visitor, item: int, verb: str, message: Message) -> None:
        mark, note = message.word("mark"), message.word("note")
        if verb == "settle":
            adjudicate(self.store, who.actor, item, answer_of(message), note, mark)
        elif verb == "gold":
            set_gold(self.store, who.actor, item, answer_of(message), note, mark)
        elif verb == "back":
            send_back(self.store, who.actor, item, mark)
        elif verb == "aside":
            set_aside(self.store, who.actor, item, note, mark)
        else:
            raise MessageError(f"This is no verdict. The page asked for {verb[:40]!r}. Load it again.")

    def measure(self, who: Visitor, message: Message) -> Reply:
        """Measure agreement now."""
        place = replace(Place.of(message), tab="agreement")
        reports(self.store).measure(who.actor, self._project(who, place)[0])
        return self._show(who, place)

    def change(self, who: Visitor, message: Message) -> Reply:
        """Change the settings of the project."""
        place = replace(Place.of(message), tab="data")
        project, _ = self._project(who, place)
        change_project(self.store, who.actor, project, **settings_of(message.get("settings")))
        return self._show(who, place, Done("The settings are saved."))

    def _show(self, who: Visitor, place: Place, done: Done | None = None) -> Reply:
        project, settings = self._project(who, place)
        if place.tab == "agreement":
            body = agreement_html(reports(self.store).latest(who.actor, project), project)
        elif place.tab == "data":
            body = data_html(stats(self.store, who.actor), project, settings)
        else:
            body = self._faces(who, project, place)
        names = {number: one.name for number, one in list_projects(self.store, who.actor).items()}
        return {"html": _page(who, replace(place, project=project), names, body, done)}

    def _faces(self, who: Visitor, project: int, place: Place) -> str:
        """The list and one of its faces, or another that was asked for by number."""
        listed = listed_items(self.store, who.actor, project, place.state)
        counts = count_items(self.store, who.actor, project)
        chosen = place.item or (listed[0].item_id if listed else None)
        return lists_html(counts, place.state, listed, chosen) + (self._face(who, chosen) if chosen else "")

    def _face(self, who: Visitor, item: int) -> str:
        try:
            return item_html(review(self.store, who.actor, item))
        except NotFound as error:
            return f'<p class="vr-empty">{escape(str(error))}</p>'

    def _project(self, who: Visitor, place: Place) -> tuple[int, ProjectSettings]:
        """The project of the place, else the first."""
        projects = list_projects(self.store, who.actor)
        if not projects:
            raise NotFound("There is nothing to review. No project has been made. An admin can add one.")
        number = place.project if place.project in projects else next(iter(projects))
        return number, projects[number]


def build(store: Store) -> gr.HTML:
    """Put the page into the Blocks around this call."""
    shell = (
        '<div class="vr"><p class="vr-notice" role="alert" hidden></p><div class="vr-body">'
        f'<p class="vr-empty" role="status">Looking for what waits …</p></div>{guidelines_html()}</div>'
    )
    parts = ("desk", "review_verdict", "review_keys", "review_page")
    return ReviewDesk(store).html(shell, script(*parts), "vr")


def _page(
    who: Visitor, place: Place, projects: Mapping[int, str], body: str, done: Done | None = None
) -> str:
    """Where one can go, what was done a moment ago, and `body`."""
    tabs = "".join(
        f'<button type="button" data-tab="{name}" aria-pressed="{str(name == place.tab).lower()}">{title}</button>'
        for name, title in TABS.items()
        if name != "data" or who.role.includes(Role.ADMIN)
    )
    return (
        f'<div class="vr-page" data-tab="{place.tab}" data-project="{place.project}" data-state="{place.state}">'
        '<h1 class="vl-hidden">Review</h1><div class="vr-top">'
        f'<div class="vr-tabs" role="group" aria-label="Part of the page">{tabs}</div>'
        f"{_projects(projects, place.project)}</div>{done.html() if done else ''}"
        f"{body}</div>"
    )


def _projects(projects: Mapping[int, str], chosen: int | None) -> str:
    """A choice when there are several."""
    if len(projects) < 2:
        return ""
    options = "".join(
        f'<option value="{number}"{" selected" if number == chosen else ""}>{escape(name)}</option>'
        for number, name in projects.items()
    )
    return f'<label class="vr-project">Project <select>{options}</select></label>'


def _closed(message: str, link: str) -> str:
    """What somebody sees who may not review."""
    return f'<div class="vr-page" data-tab=""><h1>Review</h1><p class="vr-empty">{escape(message)}</p>{link}</div>'
