"""Annotating the simulated domain through the real store and queue: photos go in, people are asked, answers come back.

The store may be left and taken up again at any time: what somebody answers depends on the seed, their name and the
face alone.
"""

import json
import random
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from db.annotators import Person, sign_in
from db.measures import measure
from db.photos import keep_photo
from db.projects import ProjectSettings, add_project, list_projects
from db.queue import next_item
from db.responses import submit
from db.roles import OPERATOR
from db.stats import progress
from db.store import Store
from db.values import Consent
from finetune.simulation.annotators import Annotator
from finetune.simulation.domain import Domain
from vlfau.errors import DataError
from vlfau.predictor import FacePrediction

PROJECT = "simulation"
ROWS = "rows.json"
"""Item of the store -> row of the domain."""


@dataclass
class Lab:
    """A store, the people who answer, and which photo each of its items is."""

    folder: Path
    seed: int
    answers_wanted: int
    crew: Mapping[str, Annotator]

    def open(self) -> Store:
        """The store, with the project in it."""
        store = Store.open(folder=self.folder)
        store.random = random.Random(self.seed)
        if not list_projects(store, OPERATOR):
            settings = ProjectSettings(
                PROJECT, self.answers_wanted, random_share=0, blind_share=0, gold_share=0
            )
            add_project(store, OPERATOR, settings)
        return store

    @property
    def rows(self) -> dict[int, int]:
        """Item -> row of the domain."""
        path = self.folder / ROWS
        return {int(k): v for k, v in json.loads(path.read_text("utf-8")).items()} if path.is_file() else {}

    def bring(self, domain: Domain, said: Sequence[FacePrediction], rows: NDArray[np.integer]) -> None:
        """Photos of these rows into the store, each with the base's prediction; those that are there stay."""
        known = self.rows
        missing = sorted(set(rows.tolist()) - set(known.values()), key=rows.tolist().index)
        with closing(self.open()) as store:
            (project,) = list_projects(store, OPERATOR)
            for row in missing:
                who = f"person-{domain.person[row]}"
                photo = domain.photos[row]
                (item,) = keep_photo(
                    store, OPERATOR, project, photo, [said[row]], Consent.PUBLISH, who, PROJECT
                )
                known[item] = row
        (self.folder / ROWS).write_text(json.dumps(known), "utf-8")

    def annotate(self, peak: NDArray[np.float32], until: int) -> int:
        """Ask until so many faces have all the answers they want, or nobody has anything left; returns how many have.

        Who comes next is drawn; `peak` (n, A) is what is true of each row of the domain.
        """
        rows = self.rows
        with closing(self.open()) as store:
            (project,) = list_projects(store, OPERATOR)
            people = {name: sign_in(store, name) for name in self.crew}
            done = progress(store, OPERATOR, project).done
            waiting = sorted(people)
            while done < until and waiting:
                name = store.random.choice(waiting)
                if not self._answer_one(store, project, people[name], rows, peak):
                    waiting.remove(name)
                done = progress(store, OPERATOR, project).done
        return done

    def _answer_one(
        self, store: Store, project: int, who: Person, rows: dict[int, int], peak: NDArray[np.float32]
    ) -> bool:
        task = next_item(store, who.actor, project)
        if task is None:
            return False
        rng = np.random.default_rng([self.seed, crc32(who.name.encode()), rows[task.item_id]])
        answer = self.crew[who.name].answer(peak[rows[task.item_id]], task.prediction, rng)
        submit(store, who.actor, task.lease_id, answer)
        return True

    def weights(self) -> dict[str, float]:
        """Name -> how much an answer of theirs says, as the store found out: 1 all, 0 what a coin says."""
        with closing(self.open()) as store:
            (project,) = list_projects(store, OPERATOR)
            by_pseudonym = {r.pseudonym: r.informedness for r in measure(store, OPERATOR, project).annotators}
            return {
                name: by_pseudonym.get(sign_in(store, name).pseudonym, float("nan")) for name in self.crew
            }


def refuse_too_few(available: int, wanted: int) -> None:
    """Raises `DataError` when the domain has not as many photos as are to be corrected."""
    if available < wanted:
        raise DataError(
            f"The domain has too few photos. {available} may be corrected, {wanted} are wanted. Ask for fewer "
            "corrections or fewer people who only measure."
        )


def refuse_too_many(done: int, wanted: int, folder: Path) -> None:
    """Raises `DataError` when a store was corrected further before, so that it cannot say what fewer corrections do."""
    if done > wanted:
        raise DataError(
            f"The store has too many corrections. {folder} has {done} corrected faces, {wanted} are wanted. Remove "
            "the folder, or ask for more corrections."
        )
