"""The classifier and how to call it.

    from models import Tagger
    tagged = Tagger.load("models/artifacts/default").tag(article)

Importing this package does not import torch: that happens when a model is loaded, so `--help` and wrong input are answered at
once. For this reason heavy imports stand in the functions that need them, here and in `train`.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from models.tagger import Prediction, TaggedArticle, Tagger

DEFAULT_MODEL = Path("models/artifacts/default")  # what the commands take if the user names no other

__all__ = ["Prediction", "TaggedArticle", "Tagger"]


def __getattr__(name: str) -> Any:
    """Import the tagger only when a caller asks for it: printing a help text needs not even numpy."""
    if name not in __all__:
        raise AttributeError(f"module 'models' has no attribute {name!r}")
    from models import tagger

    return getattr(tagger, name)
