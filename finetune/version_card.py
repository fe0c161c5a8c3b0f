"""The card (README.md) of a fine-tuned version: what it began from, whose corrections it learnt, and how good it is."""

from typing import Any

from finetune.card import HEADER, PURPOSE, thresholds_table
from finetune.evaluation.tables import figure, markdown
from vlfau.config import VLFAUConfig

MEASURES = ("f1", "auroc", "ece")


def version_card(config: VLFAUConfig, training: dict[str, Any], metrics: dict[str, Any]) -> str:
    """The whole card as Markdown, from what lies beside it as JSON."""
    parts = [
        f"{HEADER}\n# VL-FAU {config.model_version}",
        PURPOSE,
        _beginning(training),
        "## Data and people",
        _data(config, training["data"]),
        "## Results on people it was not trained on",
        _results(metrics),
        "## Limits",
        _limits(metrics),
        "## Thresholds",
        thresholds_table(config),
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _beginning(training: dict[str, Any]) -> str:
    config, base = training["config"], training["base"]
    if config["train_what"] == "fusion":
        return (
            f"Made from `{base['version']}` without training weights: how much each branch counts, calibration and "
            "thresholds were settled anew. The whole recipe: `training.json`."
        )
    trained = {
        "head": "the heads of the action units and the language",
        "lora": "the heads and the language, and low-rank changes of the stem (merged)",
        "all": "all weights",
    }[config["train_what"]]
    return (
        f"Fine-tuned from `{base['version']}`; trained were {trained}. The best of {len(training['history']) - 1} "
        f"epochs was number {training['best_epoch']} (0 is the base). The whole recipe: `training.json`."
    )


def _data(config: VLFAUConfig, data: dict[str, Any]) -> str:
    faces, people = data["corrected_faces"], data["people"]
    lines = [
        f"- Corrected faces: {faces['train']} of {people['train']} people trained on ({data['labels_trained_on']} "
        f"labels, {data['sentences_by_people']} sentences), {faces['validation']} of {people['validation']} for early "
        f"stopping and calibration, {faces['test']} of {people['test']} for the results below. Nobody is on two sides; "
        "known (gold) and blind faces were not trained on.",
        "- Labels are what the annotators say, weighted by how reliable each is (Dawid and Skene 1979), or what a "
        "reviewer settled. The annotators' photos are not part of this checkpoint.",
        f"- Mixed in: {data['replay_faces']['train']} faces of the base's replay pack.",
        f"- Licence of the weights: {config.licence}. The base was trained on:",
    ]
    return "\n".join([*lines, *(f"  - {source}" for source in config.training_data)])


def _results(metrics: dict[str, Any]) -> str:
    parts = []
    if metrics["test"] is None:
        parts.append("There were too few people to set some aside for a test: nothing can be said.")
    else:
        test = metrics["test"]
        parts += [f"{test['faces']} corrected faces of {test['people']} people.", _units(test)]
    if metrics["test_known_or_blind"]:
        parts += ["Of these, only those judged blind, or known:", _means(metrics["test_known_or_blind"])]
    if metrics["replay_test"]:
        replay = metrics["replay_test"]
        parts += [
            f"What the base knew: {replay['faces']} faces of the replay pack's test persons.",
            _means(replay),
        ]
    if metrics["groups"]:
        rows = [
            [name, str(group["faces"]), *_pair(group, "f1_macro"), *_pair(group, "ece_macro")]
            for name, group in metrics["groups"].items()
        ]
        header = ["group", "faces", "F1, base", "F1", "ECE, base", "ECE"]
        parts += ["### Groups", markdown(header, rows)]
    return "\n\n".join(parts)


def _pair(part: dict[str, Any], name: str) -> list[str]:
    return [figure(part["base"][name]), figure(part["version"][name])]


def _means(part: dict[str, Any]) -> str:
    rows = [[name.upper(), *_pair(part, f"{name}_macro")] for name in MEASURES]
    return markdown(["mean over action units", "base", "this version"], rows)


def _units(part: dict[str, Any]) -> str:
    base, version = (part[name]["action_units"] for name in ("base", "version"))
    rows = []
    for code, unit in version.items():
        if unit["known"]:
            pairs = [figure(who[code][name]) for name in MEASURES for who in (base, version)]
            rows.append([code, str(unit["known"]), str(unit["present"]), *pairs])
    rows.append(["mean", "", "", *(value for name in MEASURES for value in _pair(part, f"{name}_macro"))])
    header = [
        "action unit",
        "known",
        "present",
        *(f"{n.upper()}{w}" for n in MEASURES for w in (", base", "")),
    ]
    return markdown(header, rows)


def _limits(metrics: dict[str, Any]) -> str:
    unseen = "all"
    if metrics["test"] is not None:
        units = metrics["test"]["version"]["action_units"]
        unseen = ", ".join(code for code, unit in units.items() if not unit["present"]) or "none"
    return "\n".join(
        [
            f"- Not shown by any test person, so not measured here: {unseen}.",
            "- Faces that were shown with a prediction may follow it; the blind ones are the more honest sample.",
            "- The store holds no sex, age or skin tone, so nothing can be said by these groups.",
            "- What holds of the base holds here: see its card.",
        ]
    )
