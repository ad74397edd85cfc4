"""Measure how far annotators agree: `agreement(votes)` → [Agreement], one for each pair of annotators.

Adjudicators are left out: they saw the votes that they decide between.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from labels.annotations.corpus import ADJUDICATOR, Annotation
from labels.scheme import LabelScheme


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two annotators compared on the sentences that both labelled.

    Attributes:
        n: number of these sentences.
        observed: share of sentences with the same label.
        kappa: Cohen's kappa. Cohen, Educational and Psychological Measurement 20 (1960).
        alpha: Krippendorff's alpha, nominal. Krippendorff, Content Analysis (2004).
        per_label: F1 of one annotator against the other for each label, 2 · both / (first + second).
        confusion: sentences by (label of the first, label of the second).
    """

    first: str
    second: str
    n: int
    observed: float
    kappa: float
    alpha: float
    per_label: dict[str, float]
    confusion: Counter[tuple[str, str]]


def agreement(votes: Iterable[Sequence[Annotation]]) -> list[Agreement]:
    """Compare all pairs of annotators who share a sentence; the pair with most sentences comes first.

    Args:
        votes: of each sentence, the votes on it.
    """
    pairs: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for sentence_votes in votes:
        labels = {vote.annotator: vote.label for vote in sentence_votes if vote.annotator != ADJUDICATOR}
        for first, second in combinations(sorted(labels), 2):
            pairs.setdefault((first, second), []).append((labels[first], labels[second]))
    comparisons = [_compare(first, second, label_pairs) for (first, second), label_pairs in pairs.items()]
    return sorted(comparisons, key=lambda pair: -pair.n)


def report(pair: Agreement, scheme: LabelScheme) -> str:
    """Return the figures and the confusion matrix of one pair as text."""
    width = max(map(len, scheme.names)) + 2
    lines = [
        f"{pair.first} and {pair.second}: {pair.n} sentences, same label {pair.observed:.1%}, "
        f"Cohen's kappa {pair.kappa:.3f}, Krippendorff's alpha {pair.alpha:.3f}",
        f"{pair.first + ' ↓':<{width}}" + "".join(f"{name:>{width}}" for name in scheme.names) + f"{'F1':>7}",
    ]
    for name in scheme.names:
        counts = "".join(f"{pair.confusion[name, other]:>{width}}" for other in scheme.names)
        lines.append(f"{name:<{width}}{counts}{pair.per_label.get(name, 0):>7.2f}")
    return "\n".join(lines)


def _compare(first: str, second: str, label_pairs: list[tuple[str, str]]) -> Agreement:
    from nltk.metrics.agreement import AnnotationTask

    rows = [(name, number, label) for number, pair in enumerate(label_pairs) for name, label in zip("ab", pair, strict=True)]
    task = AnnotationTask(rows)
    confusion = Counter(label_pairs)
    first_counts, second_counts = (Counter(labels) for labels in zip(*label_pairs, strict=True))
    counts = first_counts + second_counts
    has_one_label = len(counts) == 1  # kappa and alpha would divide by zero
    return Agreement(
        first,
        second,
        n=len(label_pairs),
        observed=sum(a == b for a, b in label_pairs) / len(label_pairs),
        kappa=1.0 if has_one_label else float(task.kappa()),
        alpha=1.0 if has_one_label else float(task.alpha()),
        per_label={label: 2 * confusion[label, label] / counts[label] for label in sorted(counts)},
        confusion=confusion,
    )
