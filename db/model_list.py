"""The list of model versions as plain JSON values: which serves, which asks to, and how each compares."""

from typing import Any

from db.registry import alias_version, comparisons, versions
from db.registry_tables import Alias
from db.roles import Actor
from db.store import Store


def listed_versions(store: Store, actor: Actor) -> list[dict[str, Any]]:
    """Newest first: name, aliases, compared_with, passed, size_bytes, added_at, sha256."""
    served = {alias: alias_version(store, actor, alias) for alias in Alias}
    compared = {
        found.candidate: found for found in reversed(comparisons(store, actor))
    }  # the newest is put in last
    return [
        {
            "name": version.name,
            "aliases": [str(alias) for alias, found in served.items() if found == version],
            "compared_with": compared[version.name].champion if version.name in compared else None,
            "passed": compared[version.name].passed if version.name in compared else None,
            "size_bytes": version.size_bytes,
            "added_at": version.added_at.isoformat(timespec="seconds"),
            "sha256": version.sha256,
        }
        for version in versions(store, actor)
    ]
