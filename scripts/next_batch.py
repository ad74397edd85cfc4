"""Push the sentences that a model is least sure of to a Label Studio project, to be annotated next.

    python -m scripts.next_batch Ferries articles/ --model models/artifacts/default --size 200

train/active.py says how they are chosen. Sentences that the project already has are left out. scripts/bench/next_batch.py
measures how many labels this saves.
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
    """Run the command line; return its exit code."""
    parser = command(__doc__)
    parser.add_argument("project", metavar="PROJECT", help="title or number of the project")
    parser.add_argument("articles", nargs="+", metavar="ARTICLE", help="articles to choose from, as for newsvoice tag")
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL, metavar="DIR", help="default: %(default)s")
    parser.add_argument("--size", type=int, default=200, metavar="N", help="sentences to push (default: %(default)s)")
    parser.add_argument(
        "--per-article", type=int, default=10, metavar="N", help="of one article at most (default: %(default)s)"
    )
    parser.add_argument("--event", default="", help="what they report, if it is one event")
    parser.add_argument("--scheme", type=Path, default=DEFAULT_SCHEME, help="the labels (default: those that ship)")
    return execute(parser, _run)


def _run(arguments: argparse.Namespace) -> int:
    from models import Tagger

    studio = connect()
    project = studio.find(arguments.project)
    check_view(studio.view(project), load_scheme(arguments.scheme), arguments.project)
    present_uids = {task["data"].get("uid") for task in studio.tasks(project)}
    pool = [(article, sentences_of(article)) for article in read_articles(arguments.articles)]
    tasks = [task for article, sentences in pool for task in sentence_tasks(article, sentences, arguments.event)]
    probabilities = Tagger.load(arguments.model).probabilities([[s.text for s in sentences] for _, sentences in pool])
    new = np.flatnonzero([task["uid"] not in present_uids for task in tasks])
    if not len(new):
        raise ArticleError(f"{arguments.project}: holds all {len(tasks)} sentences of these articles; name others")
    margins = margin(np.concatenate(probabilities))
    article_of = np.repeat(np.arange(len(pool)), [len(rows) for rows in probabilities])
    texts = [tasks[number]["text"] for number in new]
    chosen = new[choose(margins[new], texts, article_of[new].tolist(), arguments.size, arguments.per_article)]
    push_tasks(studio, project, [tasks[number] for number in chosen], arguments.model)
    return DONE


if __name__ == "__main__":
    sys.exit(main())
