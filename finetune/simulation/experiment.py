"""The experiment: a domain is shifted, people correct, the real job trains, and everything is measured on people apart.

Every condition leaves one line of JSON; what is there already is not done again.
"""

import json
import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from db.store import Store
from finetune.annotated_faces import AnnotatedFaces
from finetune.gate import Entry, people_learnt_from, run_gate
from finetune.gate_rules import Limits
from finetune.paired_bootstrap import paired_f1
from finetune.replay import load_replay
from finetune.simulation.annotating import Lab, refuse_too_few, refuse_too_many
from finetune.simulation.annotators import crew
from finetune.simulation.camera import DAYLIGHT, Camera
from finetune.simulation.domain import Domain, People, photograph, replay_without, share_out
from finetune.simulation.pictures import PACK, load_pictures
from finetune.train import DEFAULT, train
from finetune.train_config import REPLAY, TrainConfig
from finetune.version_report import probabilities
from vlfau.checkpoint import EMBEDDED, Checkpoint, load_checkpoint
from vlfau.metrics import Interval
from vlfau.predictor import FacePrediction, Predictor

log = logging.getLogger(__name__)

RESULTS = "results.jsonl"
ORDERS = ("uncertainty", "random")


def as_simulated(config: TrainConfig) -> TrainConfig:
    """A configuration for stores without a reviewer: what people dispute is learnt from by whom to believe."""
    return replace(config, learn_disputed=True, tracker="none")


@dataclass(frozen=True)
class Plan:
    """What is tried, and in what world."""

    corrections: tuple[int, ...] = (50, 100, 200, 400)
    """Faces with all the answers they want, at which a version is trained; among them are those held back for test."""
    seeds: tuple[int, ...] = (1, 2, 3)
    orders: tuple[str, ...] = ORDERS
    replays: tuple[bool, ...] = (True, False)
    held_out_people: int = 36
    """People of the domain who are in no store; all figures are of them."""
    pool_people: int | None = None
    """People whose photos may be corrected; None takes all others."""
    answers_wanted: int = 5
    careful: int = 5
    """Careful annotators beside the lazy one and the spammer."""
    flips: float = 0.1
    camera: Camera = field(default_factory=Camera)
    train: TrainConfig = field(default_factory=lambda: as_simulated(TrainConfig.load(DEFAULT)))

    @property
    def conditions(self) -> list["Condition"]:
        return [
            Condition(seed, order, count, replay)
            for order in self.orders
            for seed in self.seeds
            for count in sorted(self.corrections)
            for replay in self.replays
        ]


@dataclass(frozen=True)
class Condition:
    """One training run of the experiment."""

    seed: int
    order: str
    corrections: int
    replay: bool

    @property
    def name(self) -> str:
        return f"seed-{self.seed}-{self.order}-{self.corrections}{'' if self.replay else '-without-replay'}"


class Experiment:
    """The world of one plan, in a folder."""

    def __init__(self, plan: Plan, folder: Path, base: Path = EMBEDDED, pack: Path = PACK) -> None:
        self.plan, self.folder, self.base_folder, self.pack = plan, folder, base, pack
        folder.mkdir(parents=True, exist_ok=True)

    # ---- the world

    @cached_property
    def predictor(self) -> Predictor:
        return Predictor.load(str(self.base_folder))

    @cached_property
    def base(self) -> Checkpoint:
        return load_checkpoint(self.base_folder)

    @cached_property
    def domain(self) -> Domain:
        found = photograph(load_pictures(self.pack), self.plan.camera, self._finder, self.folder / "domain")
        log.info(
            "%d photos of %d people, no face found in %d", len(found), len(set(found.person)), found.missed
        )
        return found

    def _finder(self) -> Any:
        return self.predictor.finder

    @cached_property
    def said(self) -> list[FacePrediction]:
        """What the base says of every photo, without words."""
        pairs = list(zip(self.domain.photos, self.domain.faces, strict=True))
        return self.predictor.predict_batch(pairs, words=False)

    @cached_property
    def replay(self) -> Path:
        """The replay pack without the domain's people."""
        path = self.folder / "replay.parquet"
        everybody = set(load_pictures(self.pack).person.tolist())
        return path if path.is_file() else replay_without(everybody, REPLAY, path)

    @cached_property
    def base_set(self) -> AnnotatedFaces:
        """The replay's test people: the base's own domain."""
        return AnnotatedFaces.of(load_replay(self.replay, "test"))

    def people(self, seed: int) -> People:
        found = share_out(self.domain.person, self.plan.held_out_people, seed)
        if self.plan.pool_people is None:
            return found
        names = list(dict.fromkeys(self.domain.person[found.pool].tolist()))[: self.plan.pool_people]
        return replace(found, pool=found.pool[np.isin(self.domain.person[found.pool], names)])

    # ---- what is done

    def run(self) -> list[dict[str, Any]]:
        """All conditions that are not done; returns the lines of all, in the plan's order."""
        done = {line["name"]: line for line in self.results()}
        for condition in self.plan.conditions:
            if condition.name not in done:
                began = time.monotonic()
                line = self.condition(condition) | {"seconds": round(time.monotonic() - began, 1)}
                done[condition.name] = line
                with (self.folder / RESULTS).open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")
                log.info("%s: %s", condition.name, short(line))
        return [done[condition.name] for condition in self.plan.conditions]

    def results(self) -> Iterator[dict[str, Any]]:
        """Lines of what was done before."""
        path = self.folder / RESULTS
        if path.is_file():
            yield from (json.loads(line) for line in path.read_text("utf-8").splitlines())

    def condition(self, condition: Condition) -> dict[str, Any]:
        """Correct until there is enough, train, measure, ask the gate."""
        lab = self.corrected(condition)
        out = self.folder / "versions" / condition.name
        for left in (out, out.with_name(out.name + ".work")):
            shutil.rmtree(left, ignore_errors=True)
        config = replace(
            self.plan.train,
            base=str(self.base_folder),
            store_folder=str(lab.folder),
            replay=str(self.replay) if condition.replay else None,
            seed=condition.seed,
        )
        train(config, out)
        version = load_checkpoint(out)
        held_out = self.domain.labelled(self.people(condition.seed).held_out)
        line = asdict(condition) | {"name": condition.name}
        line["domain"] = self.compare(held_out, version)
        line["base_set"] = self.compare(self.base_set, version)
        line["trained_on"] = json.loads((out / "training.json").read_text("utf-8"))["data"]["corrected_faces"]
        line["weights"] = lab.weights()
        asked = condition.replay and condition.order == self.plan.orders[0]
        line["gate"] = self.gate(lab, out) if asked else None
        shutil.rmtree(out)
        return line

    def corrected(self, condition: Condition) -> Lab:
        """The store in which as many faces as wanted are corrected; by uncertainty people see all, else a sample."""
        lab = Lab(
            self.folder / f"store-{condition.seed}-{condition.order}",
            condition.seed,
            self.plan.answers_wanted,
            crew(self.plan.careful, self.plan.flips),
        )
        pool = self.people(condition.seed).pool
        refuse_too_few(len(pool), condition.corrections)
        if condition.order == "random":
            pool = np.random.default_rng([condition.seed, 8]).permutation(pool)[: condition.corrections]
        lab.bring(self.domain, self.said, pool)
        refuse_too_many(
            lab.annotate(self.domain.peak, condition.corrections), condition.corrections, lab.folder
        )
        return lab

    def compare(self, faces: AnnotatedFaces, version: Checkpoint) -> dict[str, Any]:
        """Macro F1 of base and version on the same faces, with a paired bootstrap over people."""
        decided = [
            probabilities(who.model, faces) >= np.array(who.config.thresholds) for who in (self.base, version)
        ]
        both = paired_f1(faces.labels, decided[0], decided[1], faces.faces.person)
        found: dict[str, Any] = {"faces": len(faces), "people": both.people}
        found |= {name: _plain(getattr(both.macro, name)) for name in ("champion", "candidate", "gain")}
        found["units"] = {
            "base": [_rounded(pair.champion.value) for pair in both.units],
            "version": [_rounded(pair.candidate.value) for pair in both.units],
        }
        return found

    def gate(self, lab: Lab, out: Path) -> dict[str, Any]:
        """What the real gate says of the version."""
        champion = Entry(self.base_folder, frozenset(), None)
        candidate = Entry(out, people_learnt_from(out), None)
        with closing(Store(folder=lab.folder)) as store:
            report = run_gate(store, candidate, champion, Limits())
        torch.set_grad_enabled(True)
        refused = [rule["sentence"] for rule in report["rules"] if rule["passed"] is False]
        return {"passed": report["passed"], "refused": refused}

    def daylight(self) -> dict[str, float]:
        """The base's macro F1 on the domain's people without the night camera, and with it; all of them."""
        plain = photograph(load_pictures(self.pack), DAYLIGHT, self._finder, self.folder / "daylight")
        found = {}
        for name, domain in (("daylight", plain), ("night", self.domain)):
            faces = domain.labelled(np.arange(len(domain)))
            said = probabilities(self.base.model, faces) >= np.array(self.base.config.thresholds)
            found[name] = round(_macro(faces.labels, said, faces.faces.person), 4)
        said = probabilities(self.base.model, self.base_set) >= np.array(self.base.config.thresholds)
        found["base_set"] = round(_macro(self.base_set.labels, said, self.base_set.faces.person), 4)
        return found


def _macro(labels: NDArray[np.float64], said: NDArray[np.bool_], person: NDArray[np.str_]) -> float:
    return paired_f1(labels, said, said, person, repeats=1).macro.champion.value


def _plain(interval: Interval) -> list[float | None]:
    """Value, low and high."""
    return [_rounded(value) for value in (interval.value, interval.low, interval.high)]


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)


def short(line: dict[str, Any]) -> str:
    """One line for people."""
    domain, base = line["domain"], line["base_set"]
    said = f"domain {domain['champion'][0]:.3f} -> {domain['candidate'][0]:.3f}"
    said += f", base set {base['champion'][0]:.3f} -> {base['candidate'][0]:.3f}"
    gate = line["gate"]
    if gate is None:
        return said
    return f"{said}, the gate says {'yes' if gate['passed'] else 'no: ' + ' '.join(gate['refused'])}"
