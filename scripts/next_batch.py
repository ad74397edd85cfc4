"""Push the sentences that a model is least sure of to a Label Studio project, to be annotated next.

    python -m scripts.next_batch Ferries articles/ --model models/artifacts/default --size 200

Sentences are ranked by margin, the gap between the two most probable labels (Scheffer et al., IDA 2001). An annotator has to
read an article to label a sentence of it, so articles are chosen, those whose least certain sentences promise most, and of each
at most --per-article sentences. A sentence that nearly repeats a chosen one (outlets copy each other) is left out, and so is
what the project holds already. scripts/simulate_next_batch.py measures what this saves.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from labels.articles import read_articles
from labels.errors import DONE, ArticleError, exit_code
from labels.scheme import DEFAULT_SCHEME, load_scheme
from labels.tasks import check_view, sentence_tasks
from models import DEFAULT_MODEL
from models.calibration import Floats
from scripts.studio import connect, push_tasks

TWIN = 0.6  # cosine of TF-IDF vectors from which two sentences say the same


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project")
    parser.add_argument("articles", nargs="+", metavar="ARTICLE", help="the pool, as for python -m models")
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL, metavar="DIR")
    parser.add_argument("--size", type=int, default=200, help="sentences")
    parser.add_argument("--per-article", type=int, default=10, help="sentences at most")
    parser.add_argument("--event", default="", help="what they report, if it is one event")
    parser.add_argument("--scheme", type=Path, default=DEFAULT_SCHEME)
    arguments = parser.parse_args()
    return exit_code(lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> int:
    from models import Tagger
    from models.tagger import sentences_of

    studio = connect()
    project = studio.find(arguments.project)
    check_view(studio.view(project), load_scheme(arguments.scheme), arguments.project)
    there = {task["data"].get("uid") for task in studio.tasks(project)}
    pool = [(article, sentences_of(article)) for article in read_articles(arguments.articles)]
    tasks = [task for article, sentences in pool for task in sentence_tasks(article, sentences, arguments.event)]
    rows = Tagger.load(arguments.model).probabilities([[s.text for s in sentences] for _, sentences in pool])
    margins, article_of = margin(np.concatenate(rows)), np.repeat(np.arange(len(pool)), [len(row) for row in rows])
    new = np.array([task["uid"] not in there for task in tasks])
    if not new.any():
        raise ArticleError(f"{arguments.project}: holds all {len(tasks)} sentences of these articles; give others")
    texts = [task["text"] for task, is_new in zip(tasks, new, strict=True) if is_new]
    chosen = np.flatnonzero(new)[choose(margins[new], texts, article_of[new], arguments.size, arguments.per_article)]
    push_tasks(studio, project, [tasks[i] for i in chosen], arguments.model)
    return DONE


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


if __name__ == "__main__":
    sys.exit(main())
