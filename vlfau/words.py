"""The vocabulary between sentences and token ids: byte-level, so that any text a person writes goes in and comes out
whole.

Merges may cross spaces: the frequent phrases of the rules are single tokens, which keeps sentences short and
decoding fast; what the vocabulary does not know falls back to shorter pieces and at last to bytes.
"""

import random
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from vlfau import sentences
from vlfau.action_units import ACTION_UNITS, AU_NUMBERS
from vlfau.errors import ModelError
from vlfau.language import BEGIN, END, PAD

FILE_NAME = "tokenizer.json"
MAX_VOCABULARY = 2000
LONGEST_TOKEN = 24
"""Bytes; longer phrases stay several tokens, so that sentences are put together and not looked up."""


class Words:
    """Encodes and decodes sentences; saved as `tokenizer.json` beside the weights."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer

    def __len__(self) -> int:
        return self.tokenizer.get_vocab_size()

    def encode(self, text: str) -> list[int]:
        """Token ids of a sentence, END included."""
        return [*self.tokenizer.encode(text, add_special_tokens=False).ids, END]

    def encode_batch(self, texts: Sequence[str], length: int) -> list[list[int]]:
        """Equally long id lists, cut to `length` with END last and filled with PAD; an empty text is all PAD."""
        rows = []
        for text in texts:
            ids = self.encode(text) if text else []
            if len(ids) > length:
                ids = [*ids[: length - 1], END]
            rows.append([*ids, *[PAD] * (length - len(ids))])
        return rows

    def decode(self, ids: Iterable[int]) -> str:
        """Text of token ids; special tokens are left out."""
        return self.tokenizer.decode([i for i in ids if i not in (PAD, BEGIN, END)], skip_special_tokens=True)

    def save(self, folder: str | Path) -> None:
        self.tokenizer.save(str(Path(folder) / FILE_NAME))

    @classmethod
    def load(cls, folder: str | Path) -> "Words":
        """From a checkpoint's folder; raises `ModelError` when it has no vocabulary."""
        file = Path(folder) / FILE_NAME
        if not file.is_file():
            raise ModelError(
                f"There is no vocabulary at {file}. A checkpoint needs {FILE_NAME} beside its weights."
            )
        return cls(Tokenizer.from_file(str(file)))

    @classmethod
    def learn(cls, texts: Iterable[str], size: int = MAX_VOCABULARY) -> "Words":
        """Train byte-pair merges on texts; the vocabulary has at most `size` tokens."""
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=size,
            special_tokens=["<pad>", "<s>", "</s>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            max_token_length=LONGEST_TOKEN,
            show_progress=False,
        )
        tokenizer.train_from_iterator(texts, trainer)
        return cls(tokenizer)


def rule_corpus(descriptions: int = 4000, seed: int = 0) -> list[str]:
    """Sentences of the rules plus random descriptions, the corpus of the embedded vocabulary."""
    rng = random.Random(seed)
    texts = list(sentences.every_sentence())
    texts += [text for unit in ACTION_UNITS for text in (unit.name, unit.muscles, unit.present, unit.absent)]
    for _ in range(descriptions):
        chosen = rng.sample(AU_NUMBERS, rng.randint(1, 5))
        texts.append(sentences.describe_face({n: sentences.UnitLabel() for n in chosen}, rng))
    return texts


@lru_cache(maxsize=1)
def rule_words() -> Words:
    """The vocabulary learnt from the rules: the same on every machine."""
    return Words.learn(rule_corpus())
