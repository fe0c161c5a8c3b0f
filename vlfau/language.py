"""The small Transformer decoder that words what the network sees: one sentence per action unit, one for the whole face.

One decoder writes both; an embedding tells it whose sentence it writes. It reads a memory by cross-attention and
keeps its keys and values, and all sentences of a batch are written at once.
Letters: R rows (sentences), L tokens of a sentence, M memory tokens, H heads, E config.decoder_width; in the memory's
making B batch, A action units.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vlfau.config import VLFAUConfig
from vlfau.refinement import Refined

PAD, BEGIN, END = 0, 1, 2
"""Token ids of padding, start and end of a sentence; `vlfau.words` builds its vocabulary around them."""


@dataclass
class Memory:
    """Keys and values of the memory for one layer, and which memory tokens each row may read."""

    key: Tensor
    """(R, H, M, E / H)"""
    value: Tensor
    allowed: Tensor | None
    """(R, 1, 1, M) bool; None for all of them"""

    def rows(self, keep: Tensor) -> "Memory":
        return Memory(self.key[keep], self.value[keep], None if self.allowed is None else self.allowed[keep])


class Attention(nn.Module):
    """Multi-head attention with separate query and key/value projections."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(-3, -2)

    def keys_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(..., L, E) -> two of (..., H, L, E / H)."""
        key, value = self.key_value(x).chunk(2, dim=-1)
        return self.split(key), self.split(value)

    def forward(
        self, x: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None, causal: bool = False
    ) -> Tensor:
        mixed = F.scaled_dot_product_attention(
            self.split(self.query(x)), key, value, attn_mask=mask, is_causal=causal
        )
        return self.out(mixed.transpose(-3, -2).flatten(-2))


class DecoderLayer(nn.Module):
    """Pre-norm layer: attention to the sentence so far, attention to the memory, a feed-forward of twice the width."""

    def __init__(self, config: VLFAUConfig) -> None:
        super().__init__()
        width, heads = config.decoder_width, config.decoder_heads
        self.norm_self, self.attend_self = nn.LayerNorm(width), Attention(width, heads)
        self.norm_memory, self.attend_memory = nn.LayerNorm(width), Attention(width, heads)
        self.norm_feed = nn.LayerNorm(width)
        self.feed = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(
        self, x: Tensor, memory: Memory, past: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple]:
        """(R, L, E) -> (R, L, E) and the keys and values so far. With `past` only the new tokens are given (L = 1)."""
        normal = self.norm_self(x)
        key, value = self.attend_self.keys_values(normal)
        if past is not None:
            key, value = torch.cat([past[0], key], dim=2), torch.cat([past[1], value], dim=2)
        x = x + self.attend_self(normal, key, value, causal=past is None)
        x = x + self.attend_memory(self.norm_memory(x), memory.key, memory.value, memory.allowed)
        return x + self.feed(self.norm_feed(x)), (key, value)


class SentenceDecoder(nn.Module):
    """Writes token ids from memory tokens; subjects 0..A-1 are the action units, subject A is the whole face."""

    def __init__(self, config: VLFAUConfig) -> None:
        super().__init__()
        width = config.decoder_width
        self.max_tokens = config.max_text_tokens
        self.token = nn.Embedding(config.vocab_size, width)
        self.position = nn.Embedding(config.max_text_tokens, width)
        self.subject = nn.Embedding(len(config.au_numbers) + 1, width)
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.decoder_layers))
        self.norm = nn.LayerNorm(width)
        for table in (self.token, self.position, self.subject):
            nn.init.normal_(table.weight, std=0.02)  # the token table is the output layer too

    def memories(self, tokens: Tensor, allowed: Tensor | None = None) -> list[Memory]:
        """(R, M, E) memory tokens, and (R, M) bool which of them a row may read -> one `Memory` per layer."""
        mask = None if allowed is None else allowed[:, None, None]
        made = []
        for layer in self.layers:
            assert isinstance(layer, DecoderLayer)
            made.append(Memory(*layer.attend_memory.keys_values(tokens), mask))
        return made

    def embed(self, ids: Tensor, subjects: Tensor, first_position: int = 0) -> Tensor:
        positions = torch.arange(first_position, first_position + ids.shape[1], device=ids.device)
        return self.token(ids) + self.position(positions) + self.subject(subjects)[:, None]

    def logits(self, x: Tensor) -> Tensor:
        return F.linear(self.norm(x), self.token.weight)  # output weights are the embedding's

    def forward(self, ids: Tensor, subjects: Tensor, memories: list[Memory]) -> Tensor:
        """(R, L) ids, (R,) subjects -> (R, L, vocabulary) logits of the next token."""
        x = self.embed(ids, subjects)
        for layer, memory in zip(self.layers, memories, strict=True):
            x, _ = layer(x, memory)
        return self.logits(x)

    @torch.no_grad()
    def write(self, subjects: Tensor, memories: list[Memory], max_tokens: int | None = None) -> Tensor:
        """Greedy decoding: (R,) subjects -> (R, L) ids after BEGIN, filled with PAD after END.

        Rows that have ended leave the batch, so that a long description does not drag short sentences along.
        """
        limit = min(max_tokens or self.max_tokens, self.max_tokens)
        rows = len(subjects)
        written = torch.full((rows, limit), PAD, device=subjects.device)
        alive = torch.arange(rows, device=subjects.device)
        ids = torch.full((rows, 1), BEGIN, device=subjects.device)
        past: list = [None] * len(self.layers)
        for step in range(limit):
            x = self.embed(ids, subjects, first_position=step)
            for i, (layer, memory) in enumerate(zip(self.layers, memories, strict=True)):
                x, past[i] = layer(x, memory, past[i])
            ids = self.logits(x[:, -1:]).argmax(dim=-1)
            written[alive, step] = ids[:, 0]
            going = ids[:, 0] != END
            if not bool(going.any()):
                break
            if int(going.sum()) <= 0.75 * len(going):
                keep = going.nonzero()[:, 0]
                alive, ids, subjects = alive[keep], ids[keep], subjects[keep]
                past = [(k[keep], v[keep]) for k, v in past]
                memories = [memory.rows(keep) for memory in memories]
        ended = (written == END).cumsum(dim=1)
        return written.masked_fill(ended > 0, PAD)


class WordsMemory(nn.Module):
    """What the decoder may read: an action unit's refined tokens for its sentence, the stem for the description.

    The network's own decisions are read too, as one token per action unit, so that a sentence says what was decided. In
    training they are withheld for a share of the faces, and then the words have to be learnt from what is seen.
    """

    def __init__(self, config: VLFAUConfig, pooled: int = 4) -> None:
        super().__init__()
        self.pooled, self.grid = pooled, config.grid
        self.seen = nn.Linear(config.width, config.decoder_width)
        self.decided = nn.Linear(2, config.decoder_width)
        self.unit = nn.Embedding(len(config.au_numbers), config.decoder_width)
        self.geometry = nn.Linear(config.width, config.decoder_width) if config.geometry_tokens else None

    def decision_tokens(self, decision: Tensor, intensity: Tensor) -> Tensor:
        """(B, A) decision 0/1, (B, A) intensity 0-5 -> (B, A, E)."""
        said = torch.stack([decision * 2 - 1, decision * intensity / 5], dim=-1)
        return self.decided(said) + self.unit.weight

    def local(self, refined: Refined, geometry: Tensor | None, decided: Tensor) -> Tensor:
        """-> (B, A, M, E); the decision token is the last of the M."""
        tokens = [self.seen(refined.vector)[:, :, None], self.seen(refined.halves)]
        if self.geometry is not None and geometry is not None:
            tokens.append(self.geometry(geometry)[:, :, None])
        return torch.cat([*tokens, decided[:, :, None]], dim=2)

    def whole(self, stem: Tensor, geometry: Tensor | None, decided: Tensor) -> Tensor:
        """-> (B, M, E); the decision tokens are the last A of the M."""
        plane = stem.transpose(1, 2).unflatten(-1, (self.grid, self.grid))
        pooled = F.adaptive_avg_pool2d(plane, self.pooled).flatten(2).transpose(1, 2)
        tokens = [self.seen(pooled)]
        if self.geometry is not None and geometry is not None:
            tokens.append(self.geometry(geometry))
        return torch.cat([*tokens, decided], dim=1)
