"""Make probabilities mean what they say, and decide when to abstain.

Guo et al., On Calibration of Modern Neural Networks, ICML 2017 (arXiv 1706.04599), for temperature and calibration error.
"""

from typing import TYPE_CHECKING

import numpy as np

from models.arrays import Floats, Ints

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def softmax(logits: Floats) -> Floats:
    """Return probabilities; each row sums to one."""
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: Floats = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return probabilities


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

    linears = [module for module in model.modules() if isinstance(module, nn.Linear)]
    head = [linear for linear in linears if linear.out_features == model.config.num_labels][-1]
    with no_grad():
        head.weight /= temperature
        if head.bias is not None:
            head.bias /= temperature
    model.config.calibration_temperature = round(temperature, 4)


def calibration_error(probabilities: Floats, labels: Ints, bins: int = 15) -> float:
    """Return the expected calibration error of the top label, over `bins` bins of equal width."""
    confidence, is_right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    bin_numbers = np.minimum((confidence * bins).astype(int), bins - 1)
    error = 0.0
    for number in set(bin_numbers):
        in_bin = bin_numbers == number
        error += abs(confidence[in_bin].mean() - is_right[in_bin].mean()) * in_bin.mean()
    return float(error)


def choose_threshold(probabilities: Floats, labels: Ints, precision: float) -> float:
    """Return the lowest probability such that the predictions at or above it reach `precision`, rounded down to 4 digits.

    If no threshold reaches it, return the one with the highest precision.
    """
    confidence = probabilities.max(axis=1)
    order = np.argsort(-confidence, kind="stable")
    is_right = probabilities.argmax(axis=1)[order] == labels[order]
    kept_precision = np.cumsum(is_right) / np.arange(1, len(labels) + 1)  # of the most certain 1, 2, ... predictions
    is_threshold = np.append(np.diff(confidence[order]) != 0, True)  # a threshold keeps all predictions of equal confidence
    reaching = np.flatnonzero((kept_precision >= precision) & is_threshold)
    most_precise = np.where(is_threshold, kept_precision, -1.0).argmax()
    chosen = reaching[-1] if len(reaching) else most_precise
    return float(np.floor(confidence[order][chosen] * 1e4) / 1e4)
