"""The About page: what this is, what it is for and not for, its limits, and the model's own card."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import gradio as gr

from vlfau.action_units import ACTION_UNITS

if TYPE_CHECKING:  # the page answers before torch is loaded
    from vlfau.checkpoint import Checkpoint
    from vlfau.predictor import Predictor

INTRODUCTION = """
# About VL-FAU

VL-FAU reads **facial action units** from a photo. Action units (AUs) are the muscle movements of the Facial Action
Coding System (FACS): AU12, for example, is the muscle that draws the mouth corners back and up. For each of {count} AUs
one network gives a calibrated probability, an intensity from A (a trace) to E (the most there is), the place on the
face where it looked, and a sentence; for the whole face it writes a description. The sentences are learnt together
with the rest and come from the network itself.

## Intended use

- Describing visible movements of a face: research on faces, teaching FACS, preparing annotations, animation.
- A person who knows FACS looks at the result. The numbers are estimates, and the evidence is there to be checked.

## Not for this

- **Not for feelings.** A movement does not tell what a person feels, thinks or intends, and nothing here says so.
- **Not for identification**, nor for guessing age, sex, origin or health.
- **Not for decisions about people**: hiring, work, school, insurance, policing, border control, credit, care.
- In the European Union the AI Act (Regulation 2024/1689) prohibits systems that infer emotions at work and in education
  (Article 5, with exceptions for medicine and safety), and asks those who use such systems elsewhere to tell the people
  concerned (Article 50). Whoever builds such inference on these action units falls under it. This is a hint and not
  legal advice.

## What happens to a photo

It is uploaded to the machine that runs this page, read into memory, removed from its disk, analysed, and forgotten. The
result, with its pictures and files, exists only in your browser; closing the page ends it. Nothing is reported to
anyone. Photos of others need their consent.

Somebody who signed in may keep a photo, so that people can correct the reading. They are asked what may be done with it
and whether everybody in it agreed; nothing is chosen beforehand. A code then stands for the person: told this code,
whoever runs the page takes the photo out again.

## Limits

- One still picture without the person's resting face: a brow that is low at rest can look like a lowered brow.
- Turned, small, blurred, dark or covered faces are read less well; the page says so where it can tell.
- How well it works differs between action units and between groups of people; the card below has what was measured.
- A probability is calibrated on average, not for every person.
"""


def build(predictor: Callable[[], "Predictor"]) -> None:
    """Put the page into the Blocks around this call; the card is that of the predictor at the time of the visit."""
    with gr.Column(elem_classes="vl-prose"):
        gr.Markdown(INTRODUCTION.format(count=len(ACTION_UNITS)))
        gr.Markdown("## The model")
        card = gr.Markdown("One moment, the model is being loaded.")
    gr.on(
        fn=lambda: card_text(
            predictor().checkpoint
        ),  # with no trigger named, this runs when the page is opened
        outputs=card,
        queue=False,
        show_progress="hidden",
        api_visibility="private",
    )


def card_text(checkpoint: "Checkpoint") -> str:
    """Version and card of a checkpoint in Markdown."""
    return f"Version `{checkpoint.config.model_version}`\n\n{checkpoint.card_text or 'This checkpoint has no card.'}"
