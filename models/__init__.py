"""The classifier and how to call it.

    from models import Tagger
    tagged = Tagger.load("models/artifacts/default").tag(article)

Importing this package does not import torch: that happens when a model is loaded, so `--help` and bad input answer at once.
Heavy imports therefore stand in the functions that need them, here and in `train`.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from models.tagger import Prediction, TaggedArticle, Tagger

DEFAULT_MODEL = Path("models/artifacts/default")  # what the commands take if no other is named

__all__ = ["Prediction", "TaggedArticle", "Tagger"]


def __getattr__(name: str) -> Any:
    """Import the tagger when it is asked for: not even numpy is needed to print a help text."""
    if name not in __all__:
        raise AttributeError(f"module 'models' has no attribute {name!r}")
    from models import tagger

    return getattr(tagger, name)
