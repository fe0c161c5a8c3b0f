"""Who may do what: the roles, and the one table of permissions that every verb passes."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a person may do; each role may do what the ones before it may."""

    ANNOTATOR = "annotator"
    REVIEWER = "reviewer"
    ADMIN = "admin"

    def includes(self, other: "Role") -> bool:
        """Whether this role may do what the other may."""
        order = list(Role)
        return order.index(self) >= order.index(other)

    @property
    def article(self) -> str:
        """With its article, for messages: "an admin"."""
        return f"{'an' if self[0] in 'aeiou' else 'a'} {self}"


@dataclass(frozen=True)
class Actor:
    """Who asks. The role is not in here: each verb reads it from the database, so that nobody can bring their own."""

    annotator_id: int | None
    """None is the operator: whoever holds the database file or its password, on the command line."""


OPERATOR = Actor(None)

PERMISSIONS: dict[str, Role] = {
    # the page itself, once it knows who somebody is
    "sign_in": Role.ADMIN,
    "sign_up": Role.ADMIN,
    "set_password": Role.ADMIN,
    # one's own account
    "change_password": Role.ANNOTATOR,
    "end_sessions": Role.ANNOTATOR,
    # annotating
    "next_item": Role.ANNOTATOR,
    "save_draft": Role.ANNOTATOR,
    "submit": Role.ANNOTATOR,
    "skip": Role.ANNOTATOR,
    "undo": Role.ANNOTATOR,
    "reopen": Role.ANNOTATOR,
    "history": Role.ANNOTATOR,
    "progress": Role.ANNOTATOR,
    "look": Role.ANNOTATOR,
    # bringing photos in
    "keep_photo": Role.ANNOTATOR,
    "add_image": Role.ANNOTATOR,
    "add_prediction": Role.ANNOTATOR,
    "add_item": Role.ANNOTATOR,
    "withdraw_own": Role.ANNOTATOR,
    # settling
    "review": Role.REVIEWER,
    "adjudicate": Role.REVIEWER,
    "send_back": Role.REVIEWER,
    "set_aside": Role.REVIEWER,
    "set_gold": Role.REVIEWER,
    "measure": Role.REVIEWER,
    "models": Role.REVIEWER,
    # training and serving models
    "start_training": Role.ADMIN,
    "cancel_training": Role.ADMIN,
    "end_training": Role.ADMIN,
    "add_version": Role.ADMIN,
    "compare": Role.ADMIN,
    "propose": Role.ADMIN,
    "begin_production": Role.ADMIN,
    "promote": Role.ADMIN,
    "force_promotion": Role.ADMIN,
    "roll_back": Role.ADMIN,
    # running the store
    "add_project": Role.ADMIN,
    "change_project": Role.ADMIN,
    "rescore": Role.ADMIN,
    "set_role": Role.ADMIN,
    "block": Role.ADMIN,
    "list_annotators": Role.ADMIN,
    "withdraw": Role.ADMIN,
    "forget": Role.ADMIN,
    "export": Role.ADMIN,
    "import": Role.ADMIN,
    "stats": Role.ADMIN,
}
"""Verb -> the least role that may do it. A verb that is not in here cannot be done at all."""
