"""Push the sentences that a model is least sure of to a Label Studio project, to be annotated next.

    python -m scripts.next_batch Ferries articles/ --model models/artifacts/default --size 200

How they are chosen: train/active.py. What the project holds already is left out. scripts/bench/next_batch.py measures what
this saves.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from labels.articles import read_articles, sentences_of
from labels.commands import DONE, command, execute
from labels.errors import ArticleError
from labels.scheme import DEFAULT_SCHEME, load_scheme
from labels.studio.connect import connect
from labels.studio.tasks import sentence_tasks
from labels.studio.views import check_view
from models import DEFAULT_MODEL
from models.studio import push_tasks
from train.active import choose, margin


def main() -> int:
    parser = command(__doc__)
    parser.add_argument("project")
    parser.add_argument("articles", nargs="+", metavar="ARTICLE", help="the pool, as for newsvoice tag")
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL, metavar="DIR")
    parser.add_argument("--size", type=int, default=200, help="sentences")
    parser.add_argument("--per-article", type=int, default=10, help="sentences at most")
    parser.add_argument("--event", default="", help="what they report, if it is one event")
    parser.add_argument("--scheme", type=Path, default=DEFAULT_SCHEME)
    return execute(parser, _run)


def _run(arguments: argparse.Namespace) -> int:
    from models import Tagger

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


if __name__ == "__main__":
    sys.exit(main())
