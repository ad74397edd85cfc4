"""Turn an article into model inputs: `ArticleTokenizer.load(folder, context).encode(texts)` → [ModelInput].

single    an input is one sentence
window    an input is a stretch of consecutive sentences, up to `max_length` tokens, with neighbours before and after it where
          room is left; each sentence is pooled by itself (Cohan et al., EMNLP 2019, arXiv 1909.04054)

It needs neither transformers nor torch: the token ids come straight from tokenizer.json.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Batch = dict[str, NDArray[Any]]  # what `collate` returns
Forward = Callable[[Iterable[Batch]], Iterator[NDArray[np.floating[Any]]]]  # a model: batches → their logits, in order

CONTEXTS = ("single", "window")
SPECIAL = ("pad", "cls", "sep")  # tokens that an input needs
IGNORED = -100  # label of padding, which torch's cross-entropy skips


@dataclass(frozen=True, slots=True)
class ModelInput:
    """One row for the encoder.

    Attributes:
        slots: for each token, which of the targets it belongs to (0, 1, ...), or -1 for none; empty for single.
        targets: numbers, in the article, of the sentences that get a label from this input.
    """

    input_ids: list[int]
    slots: list[int]
    targets: list[int]

    @property
    def length(self) -> int:
        """Number of tokens."""
        return len(self.input_ids)


class ArticleTokenizer:
    """Turns the sentences of an article into inputs of one context.

    Attributes:
        context: one of CONTEXTS.
        max_length: tokens of an input.
        pad_id: token id that fills up a batch.
    """

    def __init__(self, tokenizer: Tokenizer, special: Mapping[str, str | None], context: str, max_length: int) -> None:
        """Take a tokenizer and its special tokens, {one of SPECIAL: token}; ValueError if one of them is missing."""
        ids = {name: token_id for name in SPECIAL if (token_id := tokenizer.token_to_id(special[name] or "")) is not None}
        if missing := [name for name in SPECIAL if name not in ids]:
            raise ValueError(f"the tokenizer has no {' or no '.join(missing)} token")
        self.context, self.max_length = context, max_length
        self.pad_id, self.cls_id, self.sep_id = ids["pad"], ids["cls"], ids["sep"]
        self._tokenizer = tokenizer
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_length if context == "single" else max_length - 2)

    @classmethod
    def load(cls, folder: Path, context: str) -> "ArticleTokenizer":
        """Read tokenizer.json and tokenizer_config.json of an artifact."""
        settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
        special = {name: settings[f"{name}_token"] for name in SPECIAL}
        return cls(Tokenizer.from_file(str(folder / "tokenizer.json")), special, context, settings["model_max_length"])

    @classmethod
    def from_transformers(cls, tokenizer: "PreTrainedTokenizerBase", context: str) -> "ArticleTokenizer":
        """Take a tokenizer that transformers has loaded."""
        special = {name: getattr(tokenizer, f"{name}_token") for name in SPECIAL}
        return cls(Tokenizer.from_str(tokenizer.backend_tokenizer.to_str()), special, context, tokenizer.model_max_length)

    def encode(self, texts: Sequence[str]) -> list[ModelInput]:
        """Turn the sentences of one article into inputs in which every sentence is a target exactly once."""
        if not texts:
            return []
        is_single = self.context == "single"
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=is_single)
        if is_single:
            return [ModelInput(encoding.ids, [], [number]) for number, encoding in enumerate(encodings)]
        room = self.max_length - 1  # without the opening [CLS]
        sentences = [[*encoding.ids, self.sep_id] for encoding in encodings]
        lengths = [len(ids) for ids in sentences]
        return [
            _pack(sentences, stretch, _with_neighbours(stretch, lengths, room), self.cls_id)
            for stretch in _stretches(lengths, room)
        ]


def collate(rows: Sequence[ModelInput], pad_id: int) -> Batch:
    """Pad inputs of one context to a batch.

    Returns:
        input_ids, attention_mask: [batch, tokens].
        members: [batch, targets, tokens], 1 where a token belongs to a target; only for window.
    """
    batch: Batch = {"input_ids": pad([row.input_ids for row in rows], pad_id)}
    batch["attention_mask"] = pad([[1] * len(row.input_ids) for row in rows], 0)
    if rows[0].slots:
        slots, targets = pad([row.slots for row in rows], -1), max(len(row.targets) for row in rows)
        batch["members"] = (slots[:, None] == np.arange(targets)[:, None]).astype(np.float32)
    return batch


def pad(rows: Sequence[Sequence[int]], filler: int) -> NDArray[np.int64]:
    """Return the rows as one array [rows, longest row], the shorter ones filled up at the end."""
    padded = np.full((len(rows), max(map(len, rows))), filler, dtype=np.int64)
    for padded_row, row in zip(padded, rows, strict=True):
        padded_row[: len(row)] = row
    return padded


def _stretches(lengths: list[int], room: int) -> list[range]:
    """Cut sentences of so many tokens into stretches of at most `room` tokens, at least one sentence each."""
    stretches, start, tokens = [], 0, 0
    for number, length in enumerate(lengths):
        if number > start and tokens + length > room:
            stretches.append(range(start, number))
            start, tokens = number, 0
        tokens += length
    return [*stretches, range(start, len(lengths))]


def _with_neighbours(stretch: range, lengths: list[int], room: int) -> range:
    """Add sentences before and after a stretch, in turn, while they fit into `room` tokens."""
    start, stop, tokens = stretch.start, stretch.stop, sum(lengths[number] for number in stretch)
    has_grown = True
    while has_grown:
        has_grown = False
        if start > 0 and tokens + lengths[start - 1] <= room:
            start -= 1
            tokens += lengths[start]
            has_grown = True
        if stop < len(lengths) and tokens + lengths[stop] <= room:
            tokens += lengths[stop]
            stop += 1
            has_grown = True
    return range(start, stop)


def _pack(sentences: list[list[int]], stretch: range, shown: range, cls_id: int) -> ModelInput:
    """Join the token ids of the sentences that are shown; those of the stretch are the targets."""
    ids, slots = [cls_id], [-1]
    for number in shown:
        ids.extend(sentences[number])
        slot = number - stretch.start if number in stretch else -1
        slots.extend([slot] * len(sentences[number]))
    return ModelInput(ids, slots, list(stretch))
