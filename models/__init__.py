"""The classifier and how to call it.

    from models import Tagger
    tagged = Tagger.load("models/artifacts/default").tag(article)

Importing this package does not import torch: that happens when a model is loaded, so `--help` and bad input answer at once.
Heavy imports therefore stand in the functions that need them, here and in `train`.
"""

from models.tagger import Prediction, TaggedArticle, Tagger

__all__ = ["Prediction", "TaggedArticle", "Tagger"]
