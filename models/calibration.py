"""Make probabilities mean what they say, and decide when to abstain.

Guo et al., On Calibration of Modern Neural Networks, ICML 2017 (arXiv 1706.04599), for temperature and calibration error.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]


def softmax(logits: Floats) -> Floats:
    """Return probabilities, rows summing to one."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    result: Floats = shifted / shifted.sum(axis=-1, keepdims=True)
    return result


def fit_temperature(logits: Floats, labels: Ints) -> float:
    """Return the temperature in [0.25, 10] that minimises the log loss of `logits / T` ([n, labels]) on `labels` ([n])."""
    from scipy.optimize import minimize_scalar

    def log_loss(log_temperature: float) -> float:
        probabilities = softmax(logits / np.exp(log_temperature))
        return float(-np.log(np.clip(probabilities[np.arange(len(labels)), labels], 1e-12, None)).mean())

    return float(np.exp(minimize_scalar(log_loss, bounds=(np.log(0.25), np.log(10.0)), method="bounded").x))


def fold_temperature(model: "PreTrainedModel", temperature: float) -> None:
    """Divide the head's weight and bias in place, so that a plain softmax of the saved model is calibrated."""
    from torch import nn, no_grad

    head = [m for m in model.modules() if isinstance(m, nn.Linear) and m.out_features == model.config.num_labels][-1]
    with no_grad():
        head.weight /= temperature
        if head.bias is not None:
            head.bias /= temperature
    model.config.calibration_temperature = round(temperature, 4)


def calibration_error(probabilities: Floats, labels: Ints, bins: int = 15) -> float:
    """Return the expected calibration error of the top label, over `bins` bins of equal width."""
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [abs(confidence[which == b].mean() - right[which == b].mean()) * (which == b).mean() for b in set(which)]
    return float(sum(gaps))


def choose_threshold(probabilities: Floats, labels: Ints, precision: float) -> float:
    """Return the lowest probability such that predictions at or above it reach `precision`.

    Where no threshold reaches it, return the one with the highest precision.
    """
    confidence = probabilities.max(axis=1)
    order = np.argsort(-confidence, kind="stable")
    kept_precision = np.cumsum(probabilities.argmax(axis=1)[order] == labels[order]) / np.arange(1, len(labels) + 1)
    last_of_tie = np.append(np.diff(confidence[order]) != 0, True)
    enough = np.flatnonzero((kept_precision >= precision) & last_of_tie)
    candidates = np.where(last_of_tie, kept_precision, -1.0)
    chosen = enough[-1] if len(enough) else int(candidates.argmax())
    return float(np.floor(confidence[order][chosen] * 1e4) / 1e4)
