"""Scores as `evaluate.Metric` subclasses, computed on this machine: `METRICS[name]`, `confusion_matrix`, `bootstrap`.

`evaluate.load` would fetch its scripts from a hub; these need none.
"""

from typing import Any

import datasets
import evaluate
import numpy as np

from models.arrays import Floats, Ints
from models.calibration import calibration_error

CLASSES = {"predictions": datasets.Value("int64"), "references": datasets.Value("int64")}
PROBABILITIES = {"predictions": datasets.List(datasets.Value("float64")), "references": datasets.Value("int64")}


class _Metric(evaluate.Metric):
    """A metric that keeps what it is given in memory and needs no download."""

    columns = CLASSES

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(keep_in_memory=True, **kwargs)

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=self.__doc__ or "", citation="", inputs_description="", features=datasets.Features(self.columns)
        )


class Accuracy(_Metric):
    """Share of sentences whose label is right."""

    def _compute(self, predictions: Any, references: Any) -> dict[str, float]:
        return {"accuracy": float((np.asarray(predictions) == np.asarray(references)).mean())}


class LabelScores(_Metric):
    """Precision, recall, F1 and number of sentences of each of `labels` class ids."""

    def _compute(self, predictions: Any, references: Any, labels: list[int]) -> dict[str, dict[int, dict[str, float]]]:
        from sklearn.metrics import precision_recall_fscore_support

        scores = precision_recall_fscore_support(references, predictions, labels=labels, zero_division=0)
        names = ("precision", "recall", "f1", "support")
        rows = zip(labels, zip(*scores, strict=True), strict=True)
        return {"per_label": {label: dict(zip(names, map(float, row), strict=True)) for label, row in rows}}


class MacroF1(_Metric):
    """Mean F1 over `labels`, the class ids of article text; errors with other labels count against them."""

    def _compute(self, predictions: Any, references: Any, labels: list[int]) -> dict[str, float]:
        from sklearn.metrics import f1_score

        return {"macro_f1": float(f1_score(references, predictions, labels=labels, average="macro", zero_division=0))}


class ExpectedCalibrationError(_Metric):
    """Mean gap of probability and accuracy of the top label, over 15 bins; predictions are probabilities [n, labels]."""

    columns = PROBABILITIES

    def _compute(self, predictions: Any, references: Any) -> dict[str, float]:
        return {"ece": calibration_error(np.asarray(predictions), np.asarray(references))}


METRICS: dict[str, type[_Metric]] = {
    "accuracy": Accuracy,
    "macro_f1": MacroF1,
    "per_label": LabelScores,
    "ece": ExpectedCalibrationError,
}


def confusion_matrix(gold: Ints, predicted: Ints, size: int) -> Ints:
    """Return counts [gold label, predicted label]."""
    matrix: Ints = np.bincount(gold * size + predicted, minlength=size * size).reshape(size, size)
    return matrix


def f1_of(confusion: Floats | Ints) -> Floats:
    """Return F1 of each label from confusion counts [..., gold, predicted]."""
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    total = confusion.sum(-1) + confusion.sum(-2)
    result: Floats = np.divide(2 * hits, total, out=np.zeros(total.shape), where=total > 0)
    return result


def bootstrap(confusions: Ints, labels: list[int], samples: int, seed: int) -> dict[str, list[float]]:
    """Return 95% percentile intervals of macro F1 and of each label's F1, resampling articles with replacement.

    Args:
        confusions: counts [article, gold, predicted]; whole articles are drawn, since their sentences are not independent.
        labels: class ids that macro F1 is taken over.
    """
    drawn = np.random.default_rng(seed).multinomial(len(confusions), np.full(len(confusions), 1 / len(confusions)), samples)
    f1 = f1_of(np.einsum("sa,agp->sgp", drawn, confusions))
    scores = {"macro_f1": f1[:, labels].mean(1)} | {str(label): f1[:, label] for label in range(f1.shape[1])}
    return {name: [round(float(x), 4) for x in np.percentile(values, [2.5, 97.5])] for name, values in scores.items()}
