"""Measurements of agreement: made when somebody asks, the last of each project kept, as tables to take away."""

import csv
import io
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from db.errors import StoreBusy
from db.measures import Agreement, as_json, count_answers, measure
from db.roles import Actor
from db.store import Store
from vlfau.action_units import by_number

AT_ONCE = 100
"""Up to so many answers are measured without asking: it takes about a second or two."""
COUNTED = 10_000
"""Counting answers stops here."""


@dataclass(frozen=True)
class Measured:
    """A measurement, and what it was made of."""

    at: datetime
    answers: int
    """Submissions there were, at most COUNTED."""
    report: Agreement


@dataclass(frozen=True)
class Latest:
    """What can be shown of a project without measuring."""

    answers: int
    """Submissions there are now, at most COUNTED."""
    measured: Measured | None


class Reports:
    """The measurements of one store; whoever asks must be allowed to measure, for the kept ones too."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: dict[int, Measured] = {}
        self._one_at_a_time = threading.Lock()

    def latest(self, actor: Actor, project: int) -> Latest:
        """The last measurement, if there is one."""
        return Latest(count_answers(self._store, actor, project, COUNTED), self._kept.get(project))

    def measure(self, actor: Actor, project: int) -> Measured:
        """Measure anew; one at a time, for it keeps a core busy for seconds. Raises `StoreBusy` meanwhile."""
        answers = count_answers(self._store, actor, project, COUNTED)
        if not self._one_at_a_time.acquire(blocking=False):
            raise StoreBusy(
                "Agreement is being measured already. Somebody began a moment ago. Wait for it, then look again."
            )
        try:
            made = Measured(self._store.clock(), answers, measure(self._store, actor, project))
        finally:
            self._one_at_a_time.release()
        self._kept[project] = made
        return made

    def kept_or_new(self, actor: Actor, project: int) -> Measured:
        """The last measurement, or the first."""
        return self.latest(actor, project).measured or self.measure(actor, project)


@cache
def reports(store: Store) -> Reports:
    """The measurements of a store, the same for the page and the downloads."""
    return Reports(store)


def report_json(report: Agreement) -> str:
    """Everything, None where a number is not defined."""
    return json.dumps(as_json(report), ensure_ascii=False, indent=1) + "\n"


def units_csv(report: Agreement) -> str:
    """One row per action unit; empty where a number is not defined."""
    return _csv([{"name": by_number(unit.number).name, **as_json(unit)} for unit in report.units])


def annotators_csv(report: Agreement) -> str:
    """One row per annotator, with sensitivity and specificity of each action unit they judged."""
    rows = []
    for person in report.annotators:
        row = as_json(person)
        for number, (sensitivity, specificity) in row.pop("per_unit").items():
            code = by_number(int(number)).code
            row |= {f"{code}_sensitivity": sensitivity, f"{code}_specificity": specificity}
        rows.append(row)
    return _csv(rows)


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(
        text, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
