"""How far annotators agree: `agreement(votes)` → a list of Agreement, one for each pair of annotators.

Adjudicators are left out: they saw the votes they decide between.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from labels.annotations.corpus import ADJUDICATOR, Annotation
from labels.scheme import LabelScheme


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two annotators on the sentences that both labelled.

    Attributes:
        observed: share of sentences with the same label.
        kappa: Cohen's kappa. Cohen, Educational and Psychological Measurement 20 (1960).
        alpha: Krippendorff's alpha, nominal. Krippendorff, Content Analysis (2004).
        per_label: 2 · both / (one + other), the F1 of one annotator against the other.
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
    """Compare every pair of annotators who share a sentence, given the votes on each; the pair with most sentences first."""
    pairs: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for of_sentence in votes:
        said = {vote.annotator: vote.label for vote in of_sentence if vote.annotator != ADJUDICATOR}
        for first, second in combinations(sorted(said), 2):
            pairs.setdefault((first, second), []).append((said[first], said[second]))
    found = [_compare(first, second, labels) for (first, second), labels in pairs.items()]
    return sorted(found, key=lambda pair: -pair.n)


def report(pair: Agreement, scheme: LabelScheme) -> str:
    """Return one pair's figures and confusion as a text table."""
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


def _compare(first: str, second: str, labels: list[tuple[str, str]]) -> Agreement:
    from nltk.metrics.agreement import AnnotationTask

    rows = [(name, number, label) for number, pair in enumerate(labels) for name, label in zip("ab", pair, strict=True)]
    task = AnnotationTask(rows)
    observed = sum(a == b for a, b in labels) / len(labels)
    varied = len({label for pair in labels for label in pair}) > 1
    confusion = Counter(labels)
    given = [Counter(pair[side] for pair in labels) for side in (0, 1)]
    per_label = {
        label: 2 * confusion[label, label] / (given[0][label] + given[1][label]) for label in sorted(given[0] | given[1])
    }
    return Agreement(
        first,
        second,
        len(labels),
        observed,
        float(task.kappa()) if varied else 1.0,
        float(task.alpha()) if varied else 1.0,
        per_label,
        confusion,
    )
