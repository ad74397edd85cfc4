"""How an article becomes model inputs: `encode_article(texts, tokenizer, context, max_length)` → [ModelInput].

single    a sentence alone                                                   one input a sentence
pair      a sentence with neighbours around it, only its own tokens pooled   one input a sentence
window    consecutive sentences packed up to `max_length` tokens, each pooled on its own, neighbours left and right of
          those to be labelled (Cohan et al., EMNLP 2019, arXiv 1909.04054)  one input a stretch
article   each sentence alone, a recurrent layer over the sentence vectors (Jin & Szolovits, EMNLP 2018)
                                                                             one input an article
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

CONTEXTS = ("single", "pair", "window", "article")
ARTICLE_CHUNK = 128  # sentences: an article of any length is read in bounded memory
CORE_SHARE = 2 / 3  # of a window's tokens; the rest shows neighbours, so that no labelled sentence stands at the edge
IGNORED = -100  # label of padding, as torch's cross-entropy knows it


@dataclass(frozen=True, slots=True)
class ModelInput:
    """One row for the encoder.

    Attributes:
        input_ids: token ids, one list; for `article` one list for each sentence.
        slots: for each token the number of the pooled sentence it belongs to, or -1; empty for single and article.
        targets: for each pooled sentence its place in the article.
    """

    input_ids: list[Any]
    slots: list[int]
    targets: list[int]

    @property
    def length(self) -> int:
        """Tokens to encode."""
        return sum(map(len, self.input_ids)) if not self.slots and isinstance(self.input_ids[0], list) else len(self.input_ids)


def encode_article(
    texts: Sequence[str], tokenizer: "PreTrainedTokenizerBase", context: str, max_length: int, core_share: float = CORE_SHARE
) -> list[ModelInput]:
    """Turn the sentences of one article into inputs in which every sentence is a target exactly once.

    Training takes `core_share` 1: windows overlap only where room is left, which saves a third of the tokens.
    """
    if not texts:
        return []
    if context in ("single", "article"):
        rows = tokenizer(list(texts), truncation=True, max_length=max_length)["input_ids"]
        if context == "single":
            return [ModelInput(row, [], [number]) for number, row in enumerate(rows)]
        starts = range(0, len(rows), ARTICLE_CHUNK)
        return [ModelInput(rows[s : s + ARTICLE_CHUNK], [], list(range(len(rows)))[s : s + ARTICLE_CHUNK]) for s in starts]
    room = max_length - 1  # the opening [CLS]
    pieces = tokenizer(list(texts), truncation=True, max_length=room - 1, add_special_tokens=False)["input_ids"]
    pieces = [[*piece, tokenizer.sep_token_id] for piece in pieces]
    core_room = 0 if context == "pair" else int(room * core_share)
    return [
        _packed(pieces, core, _widen([len(p) for p in pieces], core, room), tokenizer.cls_token_id)
        for core in _cores([len(piece) for piece in pieces], core_room)
    ]


def collate(rows: Sequence[ModelInput], labels: Sequence[Sequence[int]] | None, pad_id: int) -> dict[str, "torch.Tensor"]:
    """Pad inputs to a batch.

    Returns:
        labels: [batch] for single, [batch, sentences] padded with -100 otherwise; only if given.
        input_ids, attention_mask: [batch, tokens], for article [batch, sentences, tokens].
        slots: [batch, tokens], only for pair and window.
    """
    import torch

    batch: dict[str, torch.Tensor] = {}
    nested = isinstance(rows[0].input_ids[0], list)
    single = not nested and not rows[0].slots
    if labels is not None:  # first, since the Trainer takes the batch size from the first tensor
        batch["labels"] = torch.tensor([x[0] for x in labels]) if single else _pad([list(x) for x in labels], IGNORED)
    if nested:
        sentences = max(len(row.input_ids) for row in rows)
        flat = [piece for row in rows for piece in [*row.input_ids, *[[]] * (sentences - len(row.input_ids))]]
        ids, mask = _pad(flat, pad_id), _pad([[1] * len(piece) for piece in flat], 0)
        batch |= {"input_ids": ids.view(len(rows), sentences, -1), "attention_mask": mask.view(len(rows), sentences, -1)}
    else:
        batch["input_ids"] = _pad([row.input_ids for row in rows], pad_id)
        batch["attention_mask"] = _pad([[1] * len(row.input_ids) for row in rows], 0)
    if rows[0].slots:
        batch["slots"] = _pad([row.slots for row in rows], -1)
    return batch


def _pad(rows: list[list[int]], filler: int) -> "torch.Tensor":
    import torch

    width = max(map(len, rows))
    return torch.tensor([row + [filler] * (width - len(row)) for row in rows])


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
