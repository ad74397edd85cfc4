"""Choose what to annotate next: `choose(margins, texts, article_of, size, per_article)` → positions of sentences.

Sentences are ranked by margin, the gap between the two most probable labels (Scheffer et al., IDA 2001). An annotator has to
read an article to label a sentence of it, so whole articles are ranked, by the margins of their least certain sentences, and
of each article at most `per_article` sentences are chosen. A sentence that nearly repeats a chosen one (outlets copy each
other) is left out.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from models.arrays import Floats

NEAR_DUPLICATE = 0.6  # cosine of TF-IDF vectors from which on a sentence repeats another


def margin(probabilities: Floats) -> Floats:
    """Return for each row [labels] how far the most probable label is ahead of the second; 0 means undecided."""
    ordered = np.sort(probabilities, axis=1)
    gap: Floats = ordered[:, -1] - ordered[:, -2]
    return gap


def choose(margins: Floats, texts: Sequence[str], article_of: Sequence[int], size: int, per_article: int) -> list[int]:
    """Return the positions of up to `size` sentences, the most uncertain article first, in reading order within an article."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectors = TfidfVectorizer(token_pattern=r"(?u)\b\w+\b").fit_transform(texts)
    by_article: dict[int, list[int]] = defaultdict(list)  # the least certain sentence of an article first
    for position in np.argsort(margins, kind="stable"):
        by_article[article_of[position]].append(int(position))
    uncertainty = {
        article: sum(1 - margins[position] for position in positions[:per_article]) for article, positions in by_article.items()
    }
    chosen: list[int] = []
    for article in sorted(by_article, key=lambda article: -uncertainty[article]):
        of_article: list[int] = []
        for position in by_article[article]:
            if len(of_article) == per_article or len(chosen) + len(of_article) == size:
                break
            earlier = chosen + of_article
            if not earlier or (vectors[earlier] @ vectors[position].T).max() < NEAR_DUPLICATE:
                of_article.append(position)
        chosen += sorted(of_article)
    return chosen
