"""What the scripts that compare share: `train_on(config, name, articles)`, and the labels that are somebody else's words."""

from collections.abc import Sequence
from pathlib import Path

from labels.annotations import AnnotatedArticle, write_corpus
from labels.errors import AnnotationError, writing
from labels.scheme import LabelScheme
from train.config import TrainConfig

CLAIM, CONDITION, FRAMING = "quoted_claim", "condition", "editorial_framing"
ATTRIBUTED = (CLAIM, CONDITION)  # a condition is nearly always somebody's words, which a finder of quotations rightly finds


def need_labels(scheme: LabelScheme, names: Sequence[str], place: str) -> None:
    """Raise AnnotationError if the scheme has not the labels a comparison is about."""
    missing = [name for name in names if name not in scheme.names]
    if missing:
        raise AnnotationError(f"{place}: this comparison needs labels {', '.join(missing)}; it has {', '.join(scheme.names)}")


def train_on(config: TrainConfig, name: str, articles: Sequence[AnnotatedArticle]) -> Path:
    """Train a config on articles that fix their split; a finished run is not repeated. Returns the artefact folder."""
    from train.trainer import train

    folder = config.output_dir / f"{name}-corpus"
    with writing(folder):
        write_corpus(folder, articles)
    data = config.data.model_copy(update={"corpora": (folder,), "attached": ()})
    return train(config.model_copy(update={"name": name, "data": data}))
