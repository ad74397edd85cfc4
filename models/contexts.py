"""How an article becomes model inputs: `ArticleTokenizer.load(folder, context).encode(texts)` → [ModelInput].

single    a sentence alone                                                   one input a sentence
window    consecutive sentences packed up to `max_length` tokens, each pooled on its own, with neighbours where room is
          left (Cohan et al., EMNLP 2019, arXiv 1909.04054)                  one input a stretch

Neither transformers nor torch is needed for it: the token ids come straight from tokenizer.json.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Batch = dict[str, NDArray[Any]]  # what `collate` makes
Forward = Callable[[Iterable[Batch]], Iterator[NDArray[np.floating[Any]]]]  # a model: batches to their logits, in order

CONTEXTS = ("single", "window")
IGNORED = -100  # label of padding, as torch's cross-entropy knows it


@dataclass(frozen=True, slots=True)
class ModelInput:
    """One row for the encoder.

    Attributes:
        slots: for each token the number of the pooled sentence it belongs to, or -1; empty for single.
        targets: for each labelled sentence its place in the article.
    """

    input_ids: list[int]
    slots: list[int]
    targets: list[int]

    @property
    def length(self) -> int:
        """Tokens to encode."""
        return len(self.input_ids)


class ArticleTokenizer:
    """Turns the sentences of an article into the inputs of one context.

    Attributes:
        context: one of CONTEXTS.
        max_length: tokens of an input.
        pad_id: id that fills up a batch.
    """

    def __init__(self, backend: Tokenizer, special: dict[str, str], context: str, max_length: int) -> None:
        self.context, self.max_length = context, max_length
        ids = {key: backend.token_to_id(special[key] or "") for key in ("pad", "cls", "sep")}
        if None in ids.values():
            raise ValueError(f"the tokenizer has no {' or no '.join(key for key in ids if ids[key] is None)} token")
        self.pad_id, self.cls_id, self.sep_id = (number or 0 for number in ids.values())
        self._backend = backend
        backend.no_padding()
        backend.enable_truncation(max_length if context == "single" else max_length - 2)

    @classmethod
    def load(cls, folder: Path, context: str) -> "ArticleTokenizer":
        """Read tokenizer.json and tokenizer_config.json of an artifact."""
        settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
        special = {key: settings[f"{key}_token"] for key in ("pad", "cls", "sep")}
        return cls(Tokenizer.from_file(str(folder / "tokenizer.json")), special, context, settings["model_max_length"])

    @classmethod
    def of(cls, tokenizer: "PreTrainedTokenizerBase", context: str) -> "ArticleTokenizer":
        """Take what transformers has loaded."""
        special = {key: getattr(tokenizer, f"{key}_token") for key in ("pad", "cls", "sep")}
        return cls(Tokenizer.from_str(tokenizer.backend_tokenizer.to_str()), special, context, tokenizer.model_max_length)

    def encode(self, texts: Sequence[str]) -> list[ModelInput]:
        """Turn the sentences of one article into inputs in which every sentence is a target exactly once."""
        if not texts:
            return []
        alone = self.context == "single"
        rows = [found.ids for found in self._backend.encode_batch_fast(list(texts), add_special_tokens=alone)]
        if alone:
            return [ModelInput(row, [], [number]) for number, row in enumerate(rows)]
        room = self.max_length - 1  # the opening [CLS]
        pieces = [[*row, self.sep_id] for row in rows]
        lengths = [len(piece) for piece in pieces]
        return [_packed(pieces, core, _widen(lengths, core, room), self.cls_id) for core in _cores(lengths, room)]


def collate(rows: Sequence[ModelInput], pad_id: int) -> Batch:
    """Pad inputs to a batch.

    Returns:
        input_ids, attention_mask: [batch, tokens].
        members: [batch, sentences, tokens], 1 where a token belongs to a sentence; only for window.
    """
    batch: Batch = {"input_ids": pad([row.input_ids for row in rows], pad_id)}
    batch["attention_mask"] = pad([[1] * len(row.input_ids) for row in rows], 0)
    if rows[0].slots:
        slots, sentences = pad([row.slots for row in rows], -1), max(len(row.targets) for row in rows)
        batch["members"] = (slots[:, None] == np.arange(sentences)[:, None]).astype(np.float32)
    return batch


def pad(rows: Sequence[Sequence[int]], filler: int) -> NDArray[np.int64]:
    """Return the rows as one array, [rows, longest row]."""
    padded = np.full((len(rows), max(map(len, rows))), filler, dtype=np.int64)
    for line, row in zip(padded, rows, strict=True):
        line[: len(row)] = row
    return padded


def _cores(lengths: list[int], room: int) -> list[range]:
    """Cut the article into stretches of at most `room` tokens, at least one sentence each."""
    cores, first, used = [], 0, 0
    for number, length in enumerate(lengths):
        if number > first and used + length > room:
            cores.append(range(first, number))
            first, used = number, 0
        used += length
    return [*cores, range(first, len(lengths))]


def _widen(lengths: list[int], core: range, room: int) -> range:
    """Add neighbours to both sides of a stretch, in turn, while they fit."""
    first, last, used = core.start, core.stop, sum(lengths[number] for number in core)
    grown = True
    while grown:
        grown = False
        if first > 0 and used + lengths[first - 1] <= room:
            first, grown = first - 1, True
            used += lengths[first]
        if last < len(lengths) and used + lengths[last] <= room:
            used, last, grown = used + lengths[last], last + 1, True
    return range(first, last)


def _packed(pieces: list[list[int]], core: range, shown: range, cls_id: int) -> ModelInput:
    ids, slots = [cls_id], [-1]
    for number in shown:
        ids.extend(pieces[number])
        slots.extend([number - core.start if number in core else -1] * len(pieces[number]))
    return ModelInput(ids, slots, list(core))
