"""Annotations → `datasets.DatasetDict`, split by event: `load_splits(config, scheme)`.

Outlets copy each other, so sentences on one event must never be in two splits: a split gets whole events.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value

from labels.annotations import AnnotatedArticle, read_corpus
from labels.annotations.corpus import ARTICLES, SENTENCES, SPLITS
from labels.errors import AnnotationError, ConfigError
from labels.files import located
from labels.scheme import LabelScheme
from models.arrays import Ints
from models.contexts import IGNORED, ArticleTokenizer, ModelInput, collate, pad
from train.config import DataConfig

if TYPE_CHECKING:
    import torch

OPEN = -1  # class id of a sentence without a gold label


def load_splits(config: DataConfig, scheme: LabelScheme) -> DatasetDict:
    """Read the corpora and assign their events to splits; a row is an article.

    Columns: article, event, outlet, kind (text); texts, labels (class ids, or OPEN) and inherited (bool), with one entry a
    sentence.

    Raises:
        AnnotationError: a corpus is broken, an article is in two corpora, the events are too few to split, or the corpora fix
            a split that divides an event or leaves one of the three empty.
    """
    articles = read_corpora(config, scheme)
    ids = [annotated.article.id for annotated in articles]
    if len(set(ids)) < len(ids):
        duplicate = next(name for name in ids if ids.count(name) > 1)
        raise AnnotationError(f"article {duplicate!r} stands in two corpora; leave one of them out of data.corpora")
    split_of = assign_events(articles, config)
    rows: dict[str, list[dict[str, Any]]] = {split: [] for split in SPLITS}
    for annotated in articles:
        if any(labeled.label for labeled in annotated.sentences):
            rows[split_of[annotated.event]].append(_article_row(annotated, scheme))
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
    return DatasetDict({split: Dataset.from_list(rows[split], features=features) for split in SPLITS})


def corpus_folders(config: DataConfig) -> list[Path]:
    """Return the folders of all `corpora`, and of those `attached` ones whose texts somebody has attached."""
    attached = [folder for folder in map(located, config.attached) if (folder / ARTICLES).is_file()]
    return [*map(located, config.corpora), *attached]


def read_corpora(config: DataConfig, scheme: LabelScheme) -> list[AnnotatedArticle]:
    """Read the articles of all corpora that have texts."""
    return [article for folder in corpus_folders(config) for article in read_corpus(folder, scheme)]


def assign_events(articles: Sequence[AnnotatedArticle], config: DataConfig) -> dict[str, str]:
    """Return the split of every event: what its corpus or an earlier run fixes, or, if none is fixed, a random one."""
    if config.keep_split:
        earlier_split_of = _read_split(config.keep_split)
        articles = [a if a.split else replace(a, split=earlier_split_of.get(a.event)) for a in articles]
    return _fixed_splits(articles) if any(article.split for article in articles) else _random_splits(articles, config)


def describe_split(splits: DatasetDict, config: DataConfig) -> str:
    """Return as JSON the events of each split, and a digest of the corpora and the scheme."""
    digest = hashlib.sha256()
    for folder in corpus_folders(config):
        for name in (ARTICLES, SENTENCES):
            digest.update((folder / name).read_bytes())
    digest.update(located(config.scheme).read_bytes())
    events = {split: sorted(set(splits[split]["event"])) for split in SPLITS}
    return json.dumps({"data_sha256": digest.hexdigest(), **events}, indent=1, ensure_ascii=False) + "\n"


def encode_split(dataset: Dataset, tokenizer: ArticleTokenizer) -> Dataset:
    """Turn articles into model inputs; leave out inputs in which no sentence has a gold label.

    Columns: the fields of ModelInput, and labels: a class id, or IGNORED, for each target.
    """
    rows = []
    for article in dataset:
        article_labels = [IGNORED if label == OPEN else label for label in article["labels"]]
        for model_input in tokenizer.encode(article["texts"]):
            labels = [article_labels[target] for target in model_input.targets]
            if any(label != IGNORED for label in labels):
                rows.append(asdict(model_input) | {"length": model_input.length, "labels": labels})
    return Dataset.from_list(rows)


def labelled_sentences(dataset: Dataset) -> tuple[list[str], Ints]:
    """Return the sentences of a split that have a gold label, one article after the other, and their class ids."""
    texts = [text for row in dataset["texts"] for text in row]
    labels = np.concatenate(dataset["labels"])
    return [text for text, label in zip(texts, labels, strict=True) if label != OPEN], labels[labels != OPEN]


def labelled_values(dataset: Dataset, values: Sequence[Any]) -> Any:
    """Return the values of the sentences of `labelled_sentences`, out of an array [sentences, ...] for each article."""
    return np.concatenate(values)[np.concatenate(dataset["labels"]) != OPEN]


def article_numbers(dataset: Dataset) -> Ints:
    """Return for each sentence of `labelled_sentences` the number of its article in the split."""
    numbers: Ints = labelled_values(dataset, [np.full(len(row), number) for number, row in enumerate(dataset["labels"])])
    return numbers


def collate_rows(rows: Sequence[dict[str, Any]], pad_id: int) -> dict[str, "torch.Tensor"]:
    """Make a training batch of rows of `encode_split`.

    Returns:
        what `models.contexts.collate` returns, and labels: [batch], or, for window, [batch, targets].
    """
    import torch

    inputs = [ModelInput(row["input_ids"], row["slots"], row["targets"]) for row in rows]
    labels = pad([row["labels"] for row in rows], IGNORED)
    if not inputs[0].slots:
        labels = labels[:, 0]
    batch = {"labels": labels} | collate(inputs, pad_id)  # labels first: the Trainer takes the batch size from the first
    return {key: torch.from_numpy(value) for key, value in batch.items()}


def _article_row(annotated: AnnotatedArticle, scheme: LabelScheme) -> dict[str, Any]:
    return {
        "article": annotated.article.id,
        "event": annotated.event,
        "outlet": annotated.article.outlet or "",
        "kind": annotated.kind,
        "texts": [labeled.sentence.text for labeled in annotated.sentences],
        "labels": [scheme.label2id[labeled.label] if labeled.label else OPEN for labeled in annotated.sentences],
        "inherited": [labeled.inherited for labeled in annotated.sentences],
    }


def _read_split(path: Path) -> dict[str, str]:
    """Return the split of each event of an earlier run."""
    try:
        events = json.loads(path.read_text(encoding="utf-8"))
        return {event: split for split in SPLITS for event in events[split]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"data.keep_split: {path} is no split.json of a run ({error}); name one, or leave it out") from error


def _fixed_splits(articles: Sequence[AnnotatedArticle]) -> dict[str, str]:
    """Return the split that is fixed for every event; events without one are for training."""
    split_of: dict[str, str] = {}
    for article in articles:
        split = article.split or "train"
        if split_of.setdefault(article.event, split) != split:
            both = f"{split_of[article.event]} and in {split}"
            raise AnnotationError(f"event {article.event!r} stands in {both}; give all its articles the same split")
    for split in SPLITS:
        if split not in split_of.values():
            raise AnnotationError(f"the corpora fix a split, but none of their articles is for {split}; attach or mark some")
    return split_of


def _random_splits(articles: Sequence[AnnotatedArticle], config: DataConfig) -> dict[str, str]:
    """Draw a split for every event, by shares of the number of events."""
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
