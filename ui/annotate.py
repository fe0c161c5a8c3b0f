"""The Annotate page: a face of the queue, what a person says of it, and the next one.

The page is one `gr.HTML` with a script of its own. Each thing that a person does is one message to `Desk.act` and one
reply; the faces come as HTML, and what was marked stays with the script until it is submitted.
"""

from collections.abc import Callable

import gradio as gr

from db.errors import AlreadySubmitted, NotQualified
from db.pictures import picture_of
from db.projects import list_projects
from db.queue import next_item
from db.responses import history, reopen, save_draft, skip, submit, undo
from db.stats import own_progress, progress
from db.store import Store
from db.values import Task
from ui.annotate_contradictions import contradictions
from ui.annotate_history import history_html
from ui.annotate_message import answer_of
from ui.annotate_shell import shell_html
from ui.annotate_view import message_html, task_html, task_values
from ui.desk import Desk, Reply, script
from ui.message import Message
from ui.pictures import darkroom
from ui.visitor import Visitor

PARTS = tuple(f"annotate_{part}" for part in ("words", "drafts", "picture", "rows", "dialogs", "page"))
"""Of the page's script, in their order."""

HISTORY_LINES = 20


class AnnotateDesk(Desk):
    """What the page asks for, and who may."""

    def __init__(self, store: Store) -> None:
        verbs = {
            "open": self.open,
            "draft": self.draft,
            "submit": self.submit,
            "skip": self.skip,
            "undo": self.undo,
            "reopen": self.reopen,
            "history": self.history,
            "progress": self.progress,
        }
        super().__init__(store, verbs)

    def closed(self, who: Visitor | None) -> str:
        return message_html(
            "Sign in to annotate",
            "Your answers are kept with your account, so that you can come back to them and correct them.",
            '<p><a class="va-press" href="./account">Sign in or make an account</a></p>',
        )

    def open(self, who: Visitor, message: Message) -> Reply:
        """The face in hand or the next one, and what the page needs to know once."""
        projects = list_projects(self.store, who.actor)
        wanted = message.number_or_none("project")
        if not projects:
            empty = message_html("Nothing to annotate yet", "There is no project. Ask an admin to add one.")
            return {"html": empty, "task": None, "me": who.actor.annotator_id}
        project = wanted if wanted in projects else next(iter(projects))
        names = [[key, settings.name] for key, settings in projects.items()]
        reply = {"me": who.actor.annotator_id, "project": project, "projects": names}
        return reply | self._next(who, project) | self._progress(who, project)

    def draft(self, who: Visitor, message: Message) -> Reply:
        """Keep what was done so far."""
        answer = answer_of(message)
        saved = save_draft(self.store, who.actor, message.number("lease"), answer)
        return {"saved": saved, "contradictions": _as_json(contradictions(answer))}

    def submit(self, who: Visitor, message: Message) -> Reply:
        """Store the answer and hand out the next face; the same answer again is done already.

        When a sentence contradicts its mark nothing is stored and the page asks, unless it has asked.
        """
        answer = answer_of(message)
        found = {} if message.flag("despite") else contradictions(answer)
        if found:
            return {"contradictions": _as_json(found), "asked": True}
        return self._done(who, message, lambda lease: submit(self.store, who.actor, lease, answer))

    def skip(self, who: Visitor, message: Message) -> Reply:
        """Put the face aside and hand out the next one."""
        reason = message.word("reason")
        return self._done(who, message, lambda lease: skip(self.store, who.actor, lease, reason))

    def undo(self, who: Visitor, message: Message) -> Reply:
        """The last submission or skip, in hand again."""
        return self._face(undo(self.store, who.actor, message.number("project")))

    def reopen(self, who: Visitor, message: Message) -> Reply:
        """A face of one's own history, in hand again."""
        return self._face(reopen(self.store, who.actor, message.number("item")))

    def history(self, who: Visitor, message: Message) -> Reply:
        """One's own answers, newest first, as list items."""
        project, before = message.number("project"), message.number_or_none("before")
        past = history(self.store, who.actor, project, HISTORY_LINES + 1, before)
        shown = past[:HISTORY_LINES]
        more = shown[-1].response_id if len(past) > HISTORY_LINES else None
        return {"html": history_html(shown), "before": more}

    def progress(self, who: Visitor, message: Message) -> Reply:
        """How far the project is; counting takes its time, so the page asks seldom."""
        return self._progress(who, message.number("project"))

    def _done(self, who: Visitor, message: Message, finish: Callable[[int], int]) -> Reply:
        project, lease = message.number("project"), message.number("lease")
        with self.store.turn():
            try:
                done = finish(lease)
            except AlreadySubmitted as error:
                done = error.response_id
            return {"done": done} | self._next(who, project)

    def _next(self, who: Visitor, project: int) -> Reply:
        try:
            task = next_item(self.store, who.actor, project)
        except NotQualified as error:
            return {"html": _not_qualified_html(error), "task": None} | self._own(who, project)
        if task is None:
            return {"html": _EMPTY, "task": None} | self._own(who, project)
        reply = self._face(task) | self._own(who, project)
        darkroom(self.store).look_ahead(who.actor, project)
        return reply

    def _face(self, task: Task) -> Reply:
        darkroom(self.store).prepare(picture_of(task))
        return {"html": task_html(task), "task": task_values(task)}

    def _own(self, who: Visitor, project: int) -> Reply:
        own = own_progress(self.store, who.actor, project)
        in_round = own.qualification_items and not own.qualified
        return {
            "own": own.submitted,
            "round": [own.gold_items, own.qualification_items] if in_round else None,
        }

    def _progress(self, who: Visitor, project: int) -> Reply:
        found = progress(self.store, who.actor, project)
        return {"own": found.submitted, "finished": found.done, "total": found.total}


def build(store: Store) -> gr.HTML:
    """Put the page into the Blocks around this call."""
    return AnnotateDesk(store).html(shell_html(), script(*PARTS), "va")


def _as_json(found: dict[int, str]) -> dict[str, str]:
    return {str(number): text for number, text in found.items()}


def _not_qualified_html(error: NotQualified) -> str:
    return message_html(
        "Not qualified yet",
        str(error),
        '<p><button type="button" class="va-press" data-do="guide">Read the guidelines</button> '
        '<button type="button" data-do="history">Look at your answers</button></p>',
    )


_EMPTY = message_html(
    "No face is waiting for you",
    "You have seen all that are open now, or others have them in hand. New ones come when photos are added, or when a "
    "reviewer sends one back.",
    '<p><button type="button" class="va-press" data-do="look-again">Look again</button> '
    '<button type="button" data-do="history">Look at your answers</button></p>',
)
