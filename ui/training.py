"""The Training page: what waits to be learnt, a run as it goes, the new version beside the old one, and who serves.

Like the other pages for signed-in people it is one `gr.HTML` with a script of its own: what somebody does is one
message to `TrainingDesk.act`, and the reply is the page as it is then. Reviewers look; only admins start, cancel,
promote and roll back, which the store itself sees to.
"""

from dataclasses import dataclass
from html import escape

import gradio as gr

from db import registry
from db.projects import list_projects
from db.registry import Compared
from db.registry_tables import Alias
from db.roles import Role
from db.store import Store
from db.training_runs import Run, runs
from db.waiting import waiting
from finetune import jobs
from ui.desk import Desk, Reply, script
from ui.message import Message, MessageError
from ui.serving import Serving
from ui.training_candidate import Standing, candidate_html
from ui.training_people import people_html
from ui.training_run import live_html, run_html
from ui.training_runs import runs_html
from ui.training_waiting import start_html, waiting_html
from ui.visitor import Visitor

TABS = {"training": "Training", "candidate": "New version", "runs": "Runs", "people": "Contributions"}
TRAIN_WHAT = ("fusion", "head", "lora", "all")

_SIGN_IN = '<p><a class="vt-main" href="./account">Sign in</a></p>'
_ANNOTATE = '<p><a class="vt-main" href="./annotate">Annotate faces</a></p>'
_SHOWN_RUNS = 50


@dataclass(frozen=True)
class Place:
    """Where on the page somebody is."""

    tab: str = "training"
    version: str | None = None
    """The version that is looked at on the second tab; None: the candidate."""

    @classmethod
    def of(cls, message: Message) -> "Place":
        """As the browser says it; an unknown tab is where everybody begins."""
        tab, version = message.get("tab"), message.get("version")
        return cls(
            tab if isinstance(tab, str) and tab in TABS else cls.tab,
            version if isinstance(version, str) and version else None,
        )


class TrainingDesk(Desk):
    """What the page asks for, and who may; holds nothing."""

    least = Role.REVIEWER

    def __init__(self, store: Store, serving: Serving | None = None) -> None:
        verbs = {
            "go": self.go,
            "watch": self.watch,
            "start": self.start,
            "cancel": self.cancel,
            "promote": self.promote,
            "back": self.back,
        }
        super().__init__(store, verbs)
        self.serving = serving

    def closed(self, who: Visitor | None) -> str:
        if who is None:
            return _closed("Training is for people who signed in.", _SIGN_IN)
        return _closed(f"Training is for reviewers and admins. You are {who.role.article}.", _ANNOTATE)

    # ---- looking

    def go(self, who: Visitor, message: Message) -> Reply:
        """Show a tab."""
        return self._show(who, Place.of(message))

    def watch(self, who: Visitor, message: Message) -> Reply:
        """How far a run is: only what changes while it goes; the whole page when it has ended."""
        wanted = message.number("run")
        run = jobs.newest(self.store, who.actor)
        if run is None or run.id != wanted or run.is_over:
            return self._show(who, Place.of(message))
        return {"live": live_html(jobs.progress(self.store, who.actor, run.id), _acts(who))}

    # ---- acting

    def start(self, who: Visitor, message: Message) -> Reply:
        """Start a run."""
        what, project = message.word("what"), message.word("project")
        if what not in TRAIN_WHAT:
            raise MessageError(f"This cannot be trained. The page asked for {what[:40]!r}. Load it again.")
        config = {"train_what": what} | ({"project": project} if project else {})
        reason = message.word("reason").strip() or "Started on the page."
        jobs.start(self.store, who.actor, reason, config)
        return self._show(who, Place(), "The run begins.")

    def cancel(self, who: Visitor, message: Message) -> Reply:
        """End the run that is going."""
        jobs.cancel(self.store, who.actor, message.number("run"))
        return self._show(who, Place(), "The run is being cancelled; that takes some seconds.")

    def promote(self, who: Visitor, message: Message) -> Reply:
        """Serve a version from now on."""
        name = message.word("version")
        registry.promote(self.store, who.actor, name, message.word("reason"), message.flag("force"))
        return self._moved(who, name, f"{name} is in production now.")

    def back(self, who: Visitor, message: Message) -> Reply:
        """Serve what was served before."""
        version = registry.roll_back(self.store, who.actor, message.word("reason").strip() or "Rolled back.")
        return self._moved(who, None, f"{version.name} is in production again.")

    def _moved(self, who: Visitor, version: str | None, said: str) -> Reply:
        if self.serving is not None:
            self.serving.look_soon()
        return self._show(who, Place("candidate", version), said)

    # ---- the page

    def _show(self, who: Visitor, place: Place, done: str = "") -> Reply:
        newest = jobs.newest(self.store, who.actor)
        standing = self._standing(who, place)
        body = {
            "training": lambda: self._training(who, newest),
            "candidate": lambda: candidate_html(standing, _acts(who)),
            "runs": lambda: self._runs(who, standing),
            "people": lambda: people_html(standing.comparisons),
        }[place.tab]()
        going = newest.id if newest and not newest.is_over else None
        return {"html": _page(place, standing, body, done, going)}

    def _standing(self, who: Visitor, place: Place) -> Standing:
        production = registry.alias_version(self.store, who.actor, Alias.PRODUCTION)
        candidate = registry.alias_version(self.store, who.actor, Alias.CANDIDATE)
        comparisons = registry.comparisons(self.store, who.actor)
        names = [found.candidate for found in comparisons]
        chosen = place.version if place.version in names else (candidate.name if candidate else None)
        return Standing(
            production,
            candidate,
            registry.previous_version(self.store, who.actor),
            _latest(comparisons, chosen, production.name if production else None),
            tuple(comparisons),
            tuple(registry.moves(self.store, who.actor, Alias.PRODUCTION)),
            self.serving.problem if self.serving else None,
        )

    def _training(self, who: Visitor, newest: Run | None) -> str:
        learnt = next(
            (run for run in runs(self.store, who.actor, _SHOWN_RUNS) if run.state == "finished"), None
        )
        found = waiting(self.store, who.actor, learnt.started_at if learnt else None)
        projects = [settings.name for settings in list_projects(self.store, who.actor).values()]
        going = newest is not None and not newest.is_over
        run = run_html(jobs.progress(self.store, who.actor, newest.id), _acts(who)) if newest else ""
        begin = start_html(projects, jobs.elsewhere()) if _acts(who) and not going and found.agreed else ""
        waits = waiting_html(found, learnt)
        if begin:
            waits = f'<div class="vt-begin">{waits}{begin}</div>'
        return f"{run}{waits}" if going else f"{waits}{run}"

    def _runs(self, who: Visitor, standing: Standing) -> str:
        past = runs(self.store, who.actor, _SHOWN_RUNS)
        return runs_html(past, registry.versions(self.store, who.actor), standing)


def build(store: Store, serving: Serving | None = None) -> gr.HTML:
    """Put the page into the Blocks around this call; `serving` follows production sooner when it is told."""
    shell = (
        '<div class="vt"><p class="vt-notice" role="alert" hidden></p><div class="vt-body">'
        '<p class="vt-empty" role="status">Looking at the runs …</p></div></div>'
    )
    return TrainingDesk(store, serving).html(shell, script("desk", "training"), "vt")


def _acts(who: Visitor) -> bool:
    """Whether buttons are shown; the store looks for itself when one is pressed."""
    return who.role.includes(Role.ADMIN)


def _latest(comparisons: list[Compared], candidate: str | None, champion: str | None) -> Compared | None:
    """Of a version: with the one in production if there is such a comparison, else the newest."""
    mine = [found for found in comparisons if found.candidate == candidate]
    return next((found for found in mine if found.champion == champion), mine[0] if mine else None)


def _page(place: Place, standing: Standing, body: str, done: str, going: int | None) -> str:
    """Which versions there are, where one can go, what was done a moment ago, and `body`."""
    tabs = "".join(
        f'<button type="button" data-tab="{name}" aria-pressed="{str(name == place.tab).lower()}">{title}</button>'
        for name, title in TABS.items()
    )
    told = f'<p class="vt-done" role="status">{escape(done)}</p>' if done else ""
    running = f' data-run="{going}"' if going else ""
    return (
        f'<div class="vt-page" data-tab="{place.tab}" data-version="{escape(place.version or "")}"{running}>'
        f'<h1 class="vl-hidden">Training</h1><div class="vt-top"><div class="vt-tabs" role="group" '
        'aria-label="Part of the '
        f'page">{tabs}</div>{standing.line_html()}</div>{standing.problem_html()}{told}{body}</div>'
    )


def _closed(message: str, link: str) -> str:
    """What somebody sees who may not look."""
    return f'<div class="vt-page" data-tab=""><h1>Training</h1><p class="vt-empty">{escape(message)}</p>{link}</div>'
