"""What to annotate next: `choose(margins, texts, article_of, size, per_article)` → places of sentences.

Sentences are ranked by margin, the gap between the two most probable labels (Scheffer et al., IDA 2001). An annotator has to
read an article to label a sentence of it, so articles are chosen, those whose least certain sentences promise most, and of each
at most `per_article` sentences. A sentence that nearly repeats a chosen one (outlets copy each other) is left out.
"""

from collections.abc import Sequence

import numpy as np

from models.arrays import Floats

TWIN = 0.6  # cosine of TF-IDF vectors from which two sentences say the same


def margin(probabilities: Floats) -> Floats:
    """Return for each row [labels] how far the most probable label is ahead of the next; 0 is no idea."""
    ordered = np.sort(probabilities, axis=1)
    gap: Floats = ordered[:, -1] - ordered[:, -2]
    return gap


def choose(margins: Floats, texts: Sequence[str], article_of: Sequence[int], size: int, per_article: int) -> list[int]:
    """Return the places of up to `size` sentences: articles in the order of what they promise, sentences as they are read."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectors = TfidfVectorizer(token_pattern=r"(?u)\b\w+\b").fit_transform(texts)
    articles: dict[int, list[int]] = {}
    for place in np.argsort(margins, kind="stable"):
        articles.setdefault(article_of[place], []).append(int(place))
    promise = {name: sum(1 - margins[place] for place in places[:per_article]) for name, places in articles.items()}
    chosen: list[int] = []
    for name in sorted(articles, key=lambda name: -promise[name]):
        taken: list[int] = []
        for place in articles[name]:
            if len(taken) == per_article or len(chosen) + len(taken) == size:
                break
            before = chosen + taken
            if not before or (vectors[before] @ vectors[place].T).max() < TWIN:
                taken.append(place)
        chosen += sorted(taken)
    return chosen
