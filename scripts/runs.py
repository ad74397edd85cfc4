"""Runs on chosen articles, for the scripts that compare: `train_on(config, name, articles)`."""

from collections.abc import Sequence
from pathlib import Path

from labels.annotations import AnnotatedArticle, write_corpus
from labels.errors import writing
from train.config import TrainConfig


def train_on(config: TrainConfig, name: str, articles: Sequence[AnnotatedArticle]) -> Path:
    """Train a config on articles that fix their split; a finished run is not repeated. Returns the artefact folder."""
    from train.trainer import train

    folder = config.output_dir / f"{name}-corpus"
    with writing(folder):
        write_corpus(folder, articles)
    data = config.data.model_copy(update={"corpora": (folder,), "attached": ()})
    return train(config.model_copy(update={"name": name, "data": data}))
