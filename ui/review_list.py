"""The reviewer's lists as HTML: how much waits, of which kind, and a strip of faces to choose from."""

from collections.abc import Mapping, Sequence

from db.values import ItemState
from db.worklist import MANY, ListedItem

TITLES = {
    ItemState.DISPUTED: "Disputed",
    ItemState.AGREED: "Agreed",
    ItemState.SETTLED: "Settled",
    ItemState.GOLD: "Known",
    ItemState.SET_ASIDE: "Set aside",
}

_NOTHING = {
    ItemState.DISPUTED: "Nothing is disputed. Look over what people agree on, or come back later.",
    ItemState.AGREED: "No face has all its answers without a contradiction yet.",
    ItemState.SETTLED: "Nothing has been settled yet.",
    ItemState.GOLD: "There are no known faces yet. Settle a face you are sure of, and make it known.",
    ItemState.SET_ASIDE: "Nothing was set aside.",
}


def lists_html(
    counts: Mapping[ItemState, int], state: ItemState, listed: Sequence[ListedItem], chosen: int | None
) -> str:
    """The kinds of list with their counts, and the faces of the one in view; `chosen` is the face that is open."""
    kinds = "".join(
        f'<button type="button" data-state="{kind}" aria-pressed="{str(kind == state).lower()}">{title} '
        f"<small>{count_in_words(counts[kind])}</small></button>"
        for kind, title in TITLES.items()
    )
    cards = "".join(_card(item, item.item_id == chosen) for item in listed)
    strip = (
        f'<ol class="vr-strip" aria-label="{TITLES[state]} faces">{cards}</ol>'
        if cards
        else f'<p class="vr-empty">{_NOTHING[state]}</p>'
    )
    return f'<div class="vr-kinds" role="group" aria-label="List">{kinds}</div>{strip}'


def count_in_words(count: int) -> str:
    """`12`; `1,000+` where counting stopped."""
    return f"{count:,}{'+' if count >= MANY else ''}"


def _card(item: ListedItem, chosen: bool) -> str:
    answers = f"{item.answers} answer{'' if item.answers == 1 else 's'}"
    skips = f", {item.skips} skipped" if item.skips else ""
    differ = f"{len(item.contradicted)} differ{'s' if len(item.contradicted) == 1 else ''}, "
    units = ", ".join(f"AU{number}" for number in item.contradicted) or "no difference"
    current = ' aria-current="true"' if chosen else ""
    return (
        f'<li><button type="button" data-open="{item.item_id}"{current}>'
        f'<img src="./faces/{item.item_id}/small.jpg" alt="" loading="lazy"><span><b>Face {item.item_id}</b>'
        f"<span>{differ if item.contradicted else ''}{answers}{skips}</span><small>{units}</small></span></button></li>"
    )
