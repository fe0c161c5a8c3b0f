"""Projects: a pool of faces with the settings by which it is annotated."""

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from sqlalchemy import select

from db.errors import Conflict, NotFound, StoreError
from db.roles import Actor
from db.store import Store, Work
from db.tables import Project
from db.text import MAX_NAME, required_text


@dataclass(frozen=True)
class ProjectSettings:
    """How a project is annotated; raises `StoreError` for a value that cannot be."""

    name: str
    answers_wanted: int = 2
    """Independent answers for each face, 1 to 100."""
    lease_minutes: float = 15.0
    """How long a face stays in one person's hands without a sign of life."""
    random_share: float = 0.2
    """Of the faces handed out, chosen by chance and not by priority, 0-1."""
    blind_share: float = 0.1
    """Of the faces added, shown without the model's prediction, 0-1."""
    gold_share: float = 0.05
    """Of the faces handed out, with a known answer, 0-1."""
    guideline_version: int = 1
    """Stored with each response."""
    qualification_items: int = 0
    """Known faces that everybody answers first; 0 for no qualification round."""
    qualification_accuracy: float = 0.7
    """Share of known action units to get right in it, 0-1."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", required_text(self.name, MAX_NAME, "The name of the project"))
        for name in ("random_share", "blind_share", "gold_share", "qualification_accuracy"):
            self._within(name, 0, 1)
        self._within("answers_wanted", 1, 100)
        self._within("lease_minutes", 0.01, 7 * 24 * 60)
        self._within("guideline_version", 1, 1_000_000)
        self._within("qualification_items", 0, 10_000)

    def _within(self, name: str, low: float, high: float) -> None:
        value = getattr(self, name)
        if not low <= value <= high:
            raise StoreError(f"{name} is out of range. Found {value}. Give {low} to {high}.")


def add_project(store: Store, actor: Actor, settings: ProjectSettings) -> int:
    """A new project; returns its id. Raises `Conflict` when the name is taken."""
    with store.unit_of_work(actor, "add_project") as work:
        return put_project(work, settings).id


def change_project(store: Store, actor: Actor, project_id: int, **changes: Any) -> ProjectSettings:
    """Change some settings; faces that were added before keep the number of answers they want."""
    with store.unit_of_work(actor, "change_project") as work:
        project = project_row(work, project_id)
        settings = replace(_settings(project), **changes)
        for name, value in asdict(settings).items():
            setattr(project, name, value)
        return settings


def list_projects(store: Store, actor: Actor) -> dict[int, ProjectSettings]:
    """Id -> settings of every project, oldest first."""
    with store.reading(actor, "progress") as work:
        return {row.id: _settings(row) for row in work.scalars(select(Project).order_by(Project.id))}


def put_project(work: Work, settings: ProjectSettings) -> Project:
    """The row of a new project, inside a verb; raises `Conflict` when the name is taken."""
    if work.scalars(select(Project).where(Project.name == settings.name)).first():
        raise Conflict(f"There is a project of this name. It is '{settings.name}'. Choose another name.")
    project = Project(**asdict(settings), rarity={}, created_at=work.now)
    work.add(project)
    work.flush()
    return project


def project_row(work: Work, project_id: int) -> Project:
    """The row; raises `NotFound`."""
    project = work.get(Project, project_id)
    if project is None:
        raise no_project(project_id)
    return project


def no_project(project_id: int) -> NotFound:
    """The error for a number that no project has."""
    return NotFound(f"There is no such project. Number {project_id} was asked for. Choose one of the list.")


def _settings(row: Project) -> ProjectSettings:
    return ProjectSettings(**{field.name: getattr(row, field.name) for field in fields(ProjectSettings)})
