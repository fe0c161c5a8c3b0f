"""Which weights a run may change: the heads and language, low-rank changes of the stem as well, or everything."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from vlfau.errors import DataError
from vlfau.model import VLFAUModel

if TYPE_CHECKING:
    from finetune.train_config import TrainConfig

HEADS = (
    "head.",
    "refine.",
    "geometry_refine.",
    "geometry_head.",
    "texture_refine.",
    "texture_head.",
    "cut_steps",
    "decoder.",
    "words_memory.",
)
"""How the names of what each action unit has for itself, and of the language, begin."""


def choose_parameters(model: VLFAUModel, config: "TrainConfig") -> list[dict[str, Any]]:
    """Freeze what stays; returns the optimiser's groups: heads and low-rank changes, then the rest with `all`."""
    if config.train_what == "lora":
        add_low_rank(model, config.lora_rank, config.lora_alpha)
    heads: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        is_head = name.startswith(HEADS) or "lora_" in name
        parameter.requires_grad_(is_head or config.train_what == "all")
        (heads if is_head else rest).append(parameter)
    groups = [{"params": heads, "lr": config.learning_rate}]
    if config.train_what == "all":
        groups.append({"params": rest, "lr": config.stem_learning_rate})
    return [group | {"full_rate": group["lr"], "weight_decay": 0.0} for group in groups]


def add_low_rank(model: VLFAUModel, rank: int, alpha: int) -> None:
    """Put a trainable low-rank change beside each linear layer of the Swin (LoRA, Hu et al. 2022; by `peft`)."""
    try:
        from peft import LoraConfig, LoraModel
    except ImportError as error:
        raise DataError(
            'Low-rank training needs the package peft. train_what is "lora" and peft is not installed. '
            'Run: pip install "peft>=0.21,<1"; or train "head" or "all".'
        ) from error
    backbone = model.stem.backbone
    linear = [name for name, module in backbone.named_modules() if isinstance(module, nn.Linear)]
    config = LoraConfig(r=rank, lora_alpha=alpha, target_modules=linear)
    model.stem.backbone = LoraModel(backbone, config, "default")


def merge_low_rank(model: VLFAUModel) -> None:
    """Add the low-rank changes to the weights they stand beside: a checkpoint holds plain weights only."""
    merge = getattr(model.stem.backbone, "merge_and_unload", None)
    if merge is not None:
        model.stem.backbone = merge()


class StartingPoint:
    """L2-SP (Li, Grandvalet and Davoine 2018): trained weights are drawn back to where they began, not to zero.

    Decoupled from the gradient, like AdamW's weight decay (Loshchilov and Hutter 2019).
    """

    def __init__(self, groups: Iterable[dict[str, Any]], pull: float) -> None:
        self.pull = pull
        self.weights = [[p.detach().clone() for p in group["params"]] for group in groups]

    @torch.no_grad()
    def draw(self, groups: Iterable[dict[str, Any]]) -> None:
        """Once after each step of the optimiser, whose groups these are, in the order they were given at first."""
        for group, start in zip(groups, self.weights, strict=True):
            if self.pull:
                torch._foreach_lerp_(group["params"], start, self.pull * group["lr"])

    @torch.no_grad()
    def restore(self, groups: Iterable[dict[str, Any]]) -> None:
        """All the way back."""
        for group, start in zip(groups, self.weights, strict=True):
            torch._foreach_copy_(group["params"], start)
