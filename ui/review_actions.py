"""What a reviewer can do with a face as HTML: the buttons under the answers, and the questions that two of them ask."""

from db.review import Review
from db.text import MAX_NOTE
from db.values import ItemState

ACTIONS = {
    ItemState.OPEN: ("settle", "gold", "aside"),
    ItemState.AGREED: ("settle", "back", "gold", "aside"),
    ItemState.DISPUTED: ("settle", "back", "gold", "aside"),
    ItemState.SETTLED: ("settle", "back", "gold", "aside"),
    ItemState.GOLD: ("gold", "aside"),
    ItemState.SET_ASIDE: ("settle", "gold"),
    ItemState.WITHDRAWN: (),
}
"""What can be done with a face of each state."""

_REASONS = ("No face", "Too blurred or too dark", "Face is covered", "Not a photo of a real face")


def actions_html(seen: Review) -> str:
    """The buttons for where the face stands, the note, and the dialogs they open."""
    return _bar(seen) + _gold_dialog(seen.state == ItemState.GOLD) + _aside_dialog()


def _bar(seen: Review) -> str:
    buttons = {
        "settle": ("Settle, next face <kbd>S</kbd>", "vr-main"),
        "back": ("One more answer <kbd>W</kbd>", ""),
        "gold": ("Make it known …" if seen.state != ItemState.GOLD else "Change what is known …", ""),
        "aside": ("Set aside … <kbd>X</kbd>", ""),
    }
    allowed = ACTIONS[seen.state]
    shown = "".join(
        f'<button type="button" class="{style}" data-do="{name}">{text}</button>'
        for name, (text, style) in buttons.items()
        if name in allowed
    )
    return (
        '<div class="vr-actions"><p class="vr-status" role="status"></p>'
        f'<input class="vr-note" type="text" maxlength="{MAX_NOTE}" aria-label="Note" '
        'placeholder="Note: why so? For whoever looks at it later">'
        f'<div class="vr-buttons">{shown}<button type="button" data-do="later">Later <kbd>K</kbd></button>'
        "</div></div>"
    )


def _gold_dialog(again: bool) -> str:
    title = "Change what is known of this face?" if again else "Make this a known face?"
    return (
        f'<dialog class="vr-dialog" data-dialog="gold" aria-label="Known face"><h3>{title}</h3>'
        "<p>What you marked becomes the known answer. Everybody may get this face once, to see how well they do; it "
        "never trains a model, and what people say of it changes nothing. This cannot be taken back: a known face "
        "stays known or is set aside.</p>"
        '<div class="vr-buttons"><button type="button" class="vr-main" data-do="gold-yes">Make it known</button>'
        '<button type="button" data-do="close">Not now</button></div></dialog>'
    )


def _aside_dialog() -> str:
    reasons = "".join(
        f'<button type="button" data-reason="{reason}">{reason}</button>' for reason in _REASONS
    )
    return (
        '<dialog class="vr-dialog" data-dialog="aside" aria-label="Set aside"><h3>Why can it not be used?</h3>'
        f'<div class="vr-reasons">{reasons}</div><input class="vr-reason" type="text" maxlength="{MAX_NOTE}" '
        'aria-label="Reason" placeholder="Or in your own words">'
        "<p>Nobody gets it any more and no export has it. A verdict brings it back.</p>"
        '<div class="vr-buttons"><button type="button" class="vr-main" data-do="aside-yes">Set it aside</button>'
        '<button type="button" data-do="close">Not now</button></div></dialog>'
    )
