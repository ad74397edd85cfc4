"""Scores as `evaluate.Metric` subclasses: `METRICS[name]`, `confusion_matrix`, `bootstrap`.

`evaluate.load` would fetch its scripts over the network; these need no download.
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
    """A metric that is computed in memory."""

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
    """Precision, recall, F1 and number of sentences (support) of each class id in `labels`."""

    def _compute(self, predictions: Any, references: Any, labels: list[int]) -> dict[str, dict[int, dict[str, float]]]:
        from sklearn.metrics import precision_recall_fscore_support

        columns = precision_recall_fscore_support(references, predictions, labels=labels, zero_division=0)
        names = ("precision", "recall", "f1", "support")
        per_label = {
            label: {name: float(column[number]) for name, column in zip(names, columns, strict=True)}
            for number, label in enumerate(labels)
        }
        return {"per_label": per_label}


class MacroF1(_Metric):
    """Mean F1 of the class ids in `labels`; confusing them with other labels lowers it."""

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
    true_positives = np.diagonal(confusion, axis1=-2, axis2=-1)
    totals = confusion.sum(-1) + confusion.sum(-2)
    f1: Floats = np.divide(2 * true_positives, totals, out=np.zeros(totals.shape), where=totals > 0)
    return f1


def bootstrap(confusions: Ints, labels: list[int], samples: int, seed: int) -> dict[str, list[float]]:
    """Return 95% percentile intervals of macro F1 and of each label's F1, resampling articles with replacement.

    Args:
        confusions: counts [article, gold, predicted]; whole articles are drawn, since their sentences are not independent.
        labels: class ids whose F1 goes into macro F1.

    Returns:
        {"macro_f1" or a class id as text: [lower bound, upper bound]}.
    """
    articles = len(confusions)
    times_drawn = np.random.default_rng(seed).multinomial(articles, np.full(articles, 1 / articles), samples)
    f1 = f1_of(np.einsum("sa,agp->sgp", times_drawn, confusions))  # [sample, label]
    scores = {"macro_f1": f1[:, labels].mean(1)} | {str(label): f1[:, label] for label in range(f1.shape[1])}
    return {name: [round(float(end), 4) for end in np.percentile(values, [2.5, 97.5])] for name, values in scores.items()}
