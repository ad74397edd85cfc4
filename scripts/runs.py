"""Runs on chosen articles, for the scripts that compare: `articles_of(config)`, `train_on(config, name, articles)`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labels.annotations import AnnotatedArticle, read_corpus, write_corpus
from labels.errors import writing
from labels.scheme import load_scheme
from train.config import TrainConfig


def articles_of(config: TrainConfig) -> list[AnnotatedArticle]:
    """Return the articles of a config's corpora, those that are there."""
    from train.data import corpus_folders

    scheme = load_scheme(config.data.scheme)
    return [article for folder in corpus_folders(config.data) for article in read_corpus(folder, scheme)]


def train_on(config: TrainConfig, name: str, articles: Sequence[AnnotatedArticle]) -> Path:
    """Train a config on articles that fix their split; a finished run is not repeated. Returns the artefact folder."""
    from train.trainer import train

    folder = config.output_dir / f"{name}-corpus"
    with writing(folder):
        write_corpus(folder, articles)
    data = config.data.model_copy(update={"corpora": (folder,), "attached": ()})
    return train(config.model_copy(update={"name": name, "data": data}))


def test_scores(folder: Path) -> dict[str, Any]:
    """Return the test part of an artefact's metrics.json."""
    scores: dict[str, Any] = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["test"]
    return scores
