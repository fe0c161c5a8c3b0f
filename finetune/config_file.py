"""Configurations as JSON files: one flat object whose every key is a field of a dataclass and has its type."""

import json
from dataclasses import fields
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from vlfau.errors import DataError

Config = TypeVar("Config")


def read_config(cls: type[Config], file: str | Path, example: str) -> Config:
    """The configuration in a file; `example` is one that works, for the message.

    Raises `DataError` for a file that cannot be read, for an unknown key and for a value of another type.
    """
    try:
        values = json.loads(Path(file).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"The configuration cannot be read. {file} gave: {error}. Give a JSON file by --config, such as {example}."
        ) from error
    known = {field.name for field in fields(cls)}  # type: ignore[arg-type]
    strange = sorted(set(values) - known) if isinstance(values, dict) else ["no JSON object"]
    if strange:
        raise DataError(
            f"The configuration does not fit this version. {file} has: {', '.join(strange)}. "
            f"Known are: {', '.join(sorted(known))}."
        )
    for name, kind in get_type_hints(cls).items():
        if name in values and not _fits(values[name], kind):
            raise DataError(
                f"The configuration's {name} has the wrong type. Found {values[name]!r} in {file}. "
                f"Give {_in_words(kind)}."
            )
    return cls(**values)


_NAMES = {int: "a whole number", float: "a number", bool: "true or false", str: "text", dict: "an object"}


def _kinds(kind: Any) -> tuple[Any, ...]:
    """The types that an annotation allows; of `dict[str, Any]` only the dict."""
    if isinstance(kind, UnionType):
        return get_args(kind)
    origin = get_origin(kind)
    return (str,) if origin is Literal else (origin or kind,)


def _fits(value: object, kind: Any) -> bool:
    """Whether JSON's value is of an annotated type; a whole number is a number too, true and false are none."""
    kinds = _kinds(kind)
    return type(value) in kinds or (type(value) is int and float in kinds)


def _in_words(kind: Any) -> str:
    return " or ".join(_NAMES.get(each, "null") for each in _kinds(kind))
