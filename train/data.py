"""Annotations → `datasets.DatasetDict`, split by event: `load_splits(config, scheme)`.

Outlets copy each other, so a sentence of an event must never be in two splits: whole events are assigned out.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value

from labels.annotations.corpus import ARTICLES, SENTENCES, SPLITS, AnnotatedArticle, read_corpus
from labels.errors import AnnotationError, ConfigError
from labels.files import located
from labels.scheme import LabelScheme
from models.arrays import Ints
from models.contexts import IGNORED, ArticleTokenizer, ModelInput, collate, pad
from train.config import DataConfig

if TYPE_CHECKING:
    import torch

OPEN = -1  # class id of a sentence without a label of record


def load_splits(config: DataConfig, scheme: LabelScheme) -> DatasetDict:
    """Read the corpora and deal their events out; a row is an article with its sentences.

    Columns: article, event, outlet, kind (text); texts, labels (class ids, OPEN where there is none) and inherited (bool), one
    entry a sentence.

    Raises:
        AnnotationError: a corpus is broken, names an article twice, has too few events to split, or fixes a split that parts
            an event or leaves one of the three empty.
    """
    articles = read_corpora(config, scheme)
    names = [a.article.id for a in articles]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise AnnotationError(f"article {twice!r} stands in two corpora; leave one of them out of data.corpora")
    assigned = assign_events(articles, config)
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in SPLITS}
    for annotated in articles:
        if any(s.label for s in annotated.sentences):
            rows[assigned[annotated.event]].append(_row(annotated, scheme))
    for split in SPLITS:
        if not rows[split]:
            raise AnnotationError(
                f"no sentence of the {split} articles has a label; annotate some of them, or mark others for it"
            )
    features = Features(
        {name: Value("string") for name in ("article", "event", "outlet", "kind")}
        | {
            "texts": List(Value("string")),
            "labels": List(ClassLabel(names=list(scheme.names))),
            "inherited": List(Value("bool")),
        }
    )
    return DatasetDict({name: Dataset.from_list(rows[name], features=features) for name in SPLITS})


def corpus_folders(config: DataConfig) -> list[Path]:
    """Return the corpora that are there: all of `corpora`, and of `attached` those whose texts somebody has attached."""
    attached = [folder for folder in map(located, config.attached) if (folder / ARTICLES).is_file()]
    return [*map(located, config.corpora), *attached]


def read_corpora(config: DataConfig, scheme: LabelScheme) -> list[AnnotatedArticle]:
    """Return the articles of the corpora that are there."""
    return [article for folder in corpus_folders(config) for article in read_corpus(folder, scheme)]


def assign_events(articles: Sequence[AnnotatedArticle], config: DataConfig) -> dict[str, str]:
    """Give every event a split: the one its corpus fixes, or an earlier run's, or, where none is fixed, by shares."""
    if config.keep_split:
        earlier = _read_split(config.keep_split)
        articles = [a if a.split else replace(a, split=earlier.get(a.event)) for a in articles]
    return _fixed(articles) if any(article.split for article in articles) else _assign(articles, config)


def _read_split(path: Path) -> dict[str, str]:
    """Return the split of each event of an earlier run."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {event: name for name in SPLITS for event in found[name]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"data.keep_split: {path} is no split.json of a run ({error}); name one, or leave it out") from error


def describe_split(splits: DatasetDict, config: DataConfig) -> str:
    """Return the split as JSON text: which events are where, and the digest of the corpora it was made from."""
    digest = hashlib.sha256()
    for folder in corpus_folders(config):
        for name in (ARTICLES, SENTENCES):
            digest.update((folder / name).read_bytes())
    digest.update(located(config.scheme).read_bytes())
    events = {name: sorted(set(splits[name]["event"])) for name in SPLITS}
    return json.dumps({"data_sha256": digest.hexdigest(), **events}, indent=1, ensure_ascii=False) + "\n"


def encode_split(dataset: Dataset, tokenizer: ArticleTokenizer) -> Dataset:
    """Turn articles into model inputs: columns input_ids, slots, targets, labels, length; a row as in models.contexts."""
    rows = [
        {"input_ids": row.input_ids, "slots": row.slots, "targets": row.targets, "length": row.length}
        | {"labels": [IGNORED if (label := article["labels"][target]) == OPEN else label for target in row.targets]}
        for article in dataset
        for row in tokenizer.encode(article["texts"])
        if any(article["labels"][target] != OPEN for target in row.targets)
    ]
    return Dataset.from_list(rows)


def flat(dataset: Dataset) -> tuple[list[str], Ints]:
    """Return the labelled sentences of a split and their class ids, articles one after the other."""
    texts = [text for row in dataset["texts"] for text in row]
    labels = np.concatenate(dataset["labels"])
    return [text for text, label in zip(texts, labels, strict=True) if label != OPEN], labels[labels != OPEN]


def of_labelled(dataset: Dataset, values: Sequence[Any]) -> Any:
    """Return what belongs to the sentences of `flat`, out of one array [sentences, ...] for each article."""
    return np.concatenate(values)[np.concatenate(dataset["labels"]) != OPEN]


def article_places(dataset: Dataset) -> Ints:
    """Return for each sentence of `flat` the place of its article in the split."""
    places: Ints = of_labelled(dataset, [np.full(len(row), number) for number, row in enumerate(dataset["labels"])])
    return places


def collate_rows(rows: Sequence[dict[str, Any]], pad_id: int) -> dict[str, "torch.Tensor"]:
    """Make a training batch of encoded rows: what `collate` gives, and labels, [batch] for single, else [batch, sentences]."""
    import torch

    inputs = [ModelInput(row["input_ids"], row["slots"], row["targets"]) for row in rows]
    labels = pad([row["labels"] for row in rows], IGNORED)
    if not inputs[0].slots:
        labels = labels[:, 0]
    batch = {"labels": labels} | collate(inputs, pad_id)  # labels first: the Trainer takes the batch size from the first
    return {key: torch.from_numpy(value) for key, value in batch.items()}


def _row(annotated: AnnotatedArticle, scheme: LabelScheme) -> dict[str, Any]:
    return {
        "article": annotated.article.id,
        "event": annotated.event,
        "outlet": annotated.article.outlet or "",
        "kind": annotated.kind,
        "texts": [labeled.sentence.text for labeled in annotated.sentences],
        "labels": [scheme.label2id[s.label] if s.label else OPEN for s in annotated.sentences],
        "inherited": [labeled.inherited for labeled in annotated.sentences],
    }


def _fixed(articles: Sequence[AnnotatedArticle]) -> dict[str, str]:
    """Give every event the split its corpus fixes; events without one are for training."""
    assigned: dict[str, str] = {}
    for article in articles:
        split = article.split or "train"
        if assigned.setdefault(article.event, split) != split:
            both = f"{assigned[article.event]} and in {split}"
            raise AnnotationError(f"event {article.event!r} stands in {both}; give all its articles the same split")
    for name in SPLITS:
        if name not in assigned.values():
            raise AnnotationError(f"the corpora fix a split, but none of their articles is for {name}; attach or mark some")
    return assigned


def _assign(articles: Sequence[AnnotatedArticle], config: DataConfig) -> dict[str, str]:
    """Give every event a split, by shares of the number of events."""
    from sklearn.model_selection import GroupShuffleSplit

    events = sorted({article.event for article in articles})
    test = max(1, round(len(events) * config.test_size))
    validation = max(1, round(len(events) * config.validation_size))
    if len(events) - test - validation < 1:
        raise AnnotationError(
            f"{', '.join(map(str, config.corpora))}: {len(events)} event(s) cannot be split into three; "
            "annotate more events, or name the event of each article"
        )
    shuffled = GroupShuffleSplit(1, test_size=test + validation, random_state=config.split_seed)
    train, held_out = next(shuffled.split(events, groups=events))
    return (
        {events[number]: "train" for number in train}
        | {events[number]: "test" for number in held_out[:test]}
        | {events[number]: "validation" for number in held_out[test:]}
    )
