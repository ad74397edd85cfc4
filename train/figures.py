"""Pictures as PNG: `confusion_png` and `reliability_png` of an evaluation, `curves_png` and `bars_png` for scripts."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from labels.files import write_whole
from labels.scheme import LabelScheme
from models.arrays import Floats, Ints

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def confusion_png(confusion: list[list[int]], scheme: LabelScheme, path: Path) -> None:
    """Draw counts [gold label, predicted label]; the darker a cell, the larger its share of the gold label."""
    counts = np.array(confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, axes = _figure(len(counts) * 1.1 + 1.6, len(counts) * 0.9 + 1.4)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    titles = [label.title for label in scheme.labels]
    axes.set_xticks(range(len(titles)), titles, rotation=25, ha="right")
    axes.set_yticks(range(len(titles)), titles)
    axes.set_xlabel("predicted")
    axes.set_ylabel("annotated")
    for row, column in np.ndindex(*counts.shape):
        colour = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, f"{counts[row, column]}\n{shares[row, column]:.0%}", ha="center", va="center", color=colour)
    _save(figure, path)


def reliability_png(probabilities: Floats, gold: Ints, path: Path, bins: int = 10) -> None:
    """Draw the accuracy of the top label over its probability, with the number of sentences in each bin."""
    confidence, is_right = probabilities.max(axis=1), probabilities.argmax(axis=1) == gold
    bin_numbers = np.minimum((confidence * bins).astype(int), bins - 1)
    filled, sizes = np.unique(bin_numbers, return_counts=True)
    centres = (filled + 0.5) / bins
    accuracy = [is_right[bin_numbers == number].mean() for number in filled]
    figure, axes = _figure(5, 4.4)
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1, linestyle="--", label="perfectly calibrated")
    axes.bar(centres, accuracy, width=0.9 / bins, color="#1d5fa8", alpha=0.75)
    for centre, height, size in zip(centres, accuracy, sizes, strict=True):
        axes.text(centre, height + 0.01, str(size), ha="center", fontsize=8)
    axes.set(xlim=(0, 1), ylim=(0, 1.08), xlabel="probability of the predicted label", ylabel="share that is right")
    axes.legend(loc="upper left", frameon=False, fontsize=8)
    _save(figure, path)


@contextmanager
def curves_png(path: Path, xlabel: str, ylabel: str) -> Iterator["Axes"]:
    """Yield axes to draw curves in, and write the picture when the block is done."""
    figure, axes = _figure(6, 3.6)
    yield axes
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right")
    _save_whole(figure, path)


def bars_png(path: Path, names: list[str], parts: dict[str, tuple[str, list[float]]], xlabel: str) -> None:
    """Draw a stacked bar for each name, the first name at the bottom; `parts` is {title: (colour, a share for each name)}."""
    figure, axes = _figure(7, 0.34 * len(names) + 1.4)
    left = np.zeros(len(names))
    for title, (colour, shares) in parts.items():
        axes.barh(names, shares, left=left, color=colour, label=title, height=0.72, edgecolor="white", linewidth=0.8)
        left += shares
    axes.set(xlim=(0, 1), xlabel=xlabel)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    figure.legend(loc="outside upper left", ncols=len(parts), frameon=False, fontsize=9)
    _save_whole(figure, path)


def _figure(width: float, height: float) -> "tuple[Figure, Axes]":
    from matplotlib.figure import Figure  # no pyplot: no display, no global state

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def _save(figure: "Figure", path: Path) -> None:
    figure.savefig(path, dpi=120, metadata={"Software": None})


def _save_whole(figure: "Figure", path: Path) -> None:
    picture = io.BytesIO()
    figure.savefig(picture, dpi=150)
    write_whole(path, picture.getvalue())
