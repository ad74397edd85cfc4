"""Annotate in Label Studio: make a project, push articles, pull annotations, show a model's suggestions.

    python -m scripts.studio create "Ferries" --annotators 2
    python -m scripts.studio push Ferries articles/ --model models/artifacts/default
    python -m scripts.studio pull Ferries
    python -m scripts.studio status Ferries
    python -m scripts.studio predict Ferries --model models/artifacts/default
    python -m scripts.studio review "Ferries, disputed"

The server is that of `make studio`, or any other: LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY, a legacy or a personal access
token. pull writes labels/corpus/studio, a corpus like any other, to train on with
data.attached=[labels/corpus/studio]. What the server gave is kept in its folder raw; take a folder for each server.
A project is named by its title or number.
"""

import argparse
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from labels.annotations import Annotation, read_corpus
from labels.articles import read_articles
from labels.errors import DONE, StudioError, exit_code
from labels.scheme import DEFAULT_SCHEME, LabelScheme, load_scheme
from labels.studio import CORPUS, KEY, URL, Prediction, Studio, pull_corpus
from labels.tasks import (
    article_result,
    article_task,
    article_uid,
    article_view,
    check_view,
    merge_tasks,
    read_article,
    sentence_tasks,
    sentence_view,
    suggestion,
)
from scripts.studio_server import credentials

VIEWS = {"sentence": sentence_view, "article": article_view}
GUIDE = Path("labels/guidelines.md")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scheme", type=Path, default=DEFAULT_SCHEME, help="the labels (default: labels/scheme.yaml)")
    parser.add_argument("--timeout", type=float, default=120, metavar="SECONDS", help="for one answer of the server")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    _add_verbs(verbs)
    arguments = parser.parse_args()
    return exit_code(lambda: _run(arguments))


def _add_verbs(verbs: Any) -> None:
    create = verbs.add_parser("create", help="make a project")
    create.add_argument("project", metavar="TITLE")
    create.add_argument("--annotators", type=int, default=1, help="who answer a task before it is done")
    push = verbs.add_parser("push", help="add articles; what is there already stays as it is")
    push.add_argument("project")
    push.add_argument("articles", nargs="+", metavar="ARTICLE", help="as for python -m models")
    push.add_argument("--event", default="", help="what they report; outlets on one event are kept together when data is split")
    pull = verbs.add_parser("pull", help="bring a corpus up to date with the annotations")
    pull.add_argument("project")
    predict = verbs.add_parser("predict", help="show a model's suggestions in all tasks")
    predict.add_argument("project")
    status = verbs.add_parser("status", help="what is done and left, agreement, how often suggestions were kept")
    status.add_argument("project")
    review = verbs.add_parser("review", help="push the sentences whose votes disagree to a project of their own")
    review.add_argument("project", metavar="TITLE")
    for verb in (create, review):
        verb.add_argument("--view", choices=VIEWS, default="sentence", help="what a task is (default: %(default)s)")
    for verb in (pull, review):
        verb.add_argument("--corpus", type=Path, default=CORPUS, metavar="FOLDER", help="default: %(default)s")
    for verb in (push, predict):
        verb.add_argument(
            "--model", type=Path, required=verb is predict, metavar="DIR", help="a trained model, to suggest labels"
        )


def _run(arguments: argparse.Namespace) -> int:
    scheme = load_scheme(arguments.scheme)
    studio = connect(arguments.timeout)
    return VERBS[arguments.verb](studio, scheme, arguments)


def connect(timeout: float = 120) -> Studio:
    """Connect to the server of the environment variables, or else of `make studio`."""
    known = os.environ if URL in os.environ else credentials()  # address and token of one source: a token is a secret
    if not known.get(URL) or not known.get(KEY):
        raise StudioError(f"no Label Studio is known: start one (make studio), or set both {URL} and {KEY}")
    return Studio.connect(known[URL].rstrip("/"), known[KEY], timeout)


def push_tasks(studio: Studio, project: int, tasks: Sequence[dict[str, Any]], model: Path | None = None) -> None:
    """Push tasks, given their data, then a model's suggestions for them, and say how many tasks were new."""
    added = studio.push(project, tasks, _progress("pushed"))
    if model:
        studio.predict(project, *_suggest(model, tasks), _progress("suggested"))
    print(f"{added} tasks added, {len(tasks) - added} were there: {studio.url}/projects/{project}")


def review_project(studio: Studio, scheme: LabelScheme, title: str, view: str = "sentence") -> int:
    """Return the project of that title, made for review if there is none."""
    if title not in studio.projects().values():
        return studio.create(title, VIEWS[view](scheme), guide(), 1)
    project = studio.find(title)
    check_view(studio.view(project), scheme, title)
    return project


def guide() -> str:
    """Return the annotator's guide as HTML, for the page's instruction."""
    from markdown_it import MarkdownIt

    text = re.sub(r"<!--.*?-->", "", GUIDE.read_text(encoding="utf-8"), flags=re.DOTALL).replace("<br>", " / ")
    return str(MarkdownIt("commonmark", {"html": False}).enable("table").render(text))


def _create(studio: Studio, scheme: LabelScheme, arguments: argparse.Namespace) -> int:
    number = studio.create(arguments.project, VIEWS[arguments.view](scheme), guide(), arguments.annotators)
    print(f"{studio.url}/projects/{number}")
    return DONE


def _push(studio: Studio, scheme: LabelScheme, arguments: argparse.Namespace) -> int:
    from models.tagger import sentences_of

    project = studio.find(arguments.project)
    view = studio.view(project)
    check_view(view, scheme, arguments.project)
    whole = "$article_text" not in view
    tasks: list[dict[str, Any]] = []
    for article in read_articles(arguments.articles):
        of_article = (article, sentences_of(article), arguments.event)
        tasks += [article_task(*of_article)] if whole else sentence_tasks(*of_article)
    push_tasks(studio, project, tasks, arguments.model)
    return DONE


def _pull(studio: Studio, scheme: LabelScheme, arguments: argparse.Namespace) -> int:
    folder = arguments.corpus
    corpus, faults = pull_corpus(studio, studio.find(arguments.project), folder, scheme)
    for fault in faults:
        print(fault, file=sys.stderr)
    labelled = sum(s.label is not None for a in corpus for s in a.sentences)
    disputed = sum(s.label is None and bool(s.votes) for a in corpus for s in a.sentences)
    print(f"{folder}: {len(corpus)} articles, {labelled} sentences labelled, {disputed} to be reviewed")
    return DONE


def _predict(studio: Studio, scheme: LabelScheme, arguments: argparse.Namespace) -> int:
    project = studio.find(arguments.project)
    check_view(studio.view(project), scheme, arguments.project)
    version, suggested = _suggest(arguments.model, [task["data"] for task in studio.tasks(project)])
    added = studio.predict(project, version, suggested, _progress("suggested"))
    print(f"{version}: {added} suggestions added, {len(suggested) - added} were there: {studio.url}/projects/{project}")
    return DONE


def _status(studio: Studio, scheme: LabelScheme, arguments: argparse.Namespace) -> int:
    from labels.agreement import agreement
    from scripts.agreement import report

    tasks = studio.tasks(studio.find(arguments.project), "all")
    for task in tasks:
        task["data"].pop("review", None)  # here everybody counts by name, reviewers too
    corpus, faults = merge_tasks([], tasks, scheme)
    votes = [s.votes for a in corpus for s in a.sentences if s.votes]
    sentences = sum(1 if "index" in task["data"] else len(task["data"].get("sentences", ())) for task in tasks)
    print(_work_done(votes, sentences, scheme))
    for pair in agreement(votes):
        print(f"\n{report(pair, scheme)}")
    for fault in faults:
        print(fault, file=sys.stderr)
    return DONE


def _review(studio: Studio, scheme: LabelScheme, arguments: argparse.Namespace) -> int:
    tasks: list[dict[str, Any]] = []
    suggested: dict[str, Prediction] = {}
    for annotated in read_corpus(arguments.corpus, scheme):
        sentences = [s.sentence for s in annotated.sentences]
        notes = {s.sentence.index: _said(s.votes) for s in annotated.sentences if s.votes and s.label is None}
        if arguments.view == "sentence":
            tasks += sentence_tasks(annotated.article, sentences, annotated.event, notes)
        elif notes:
            tasks.append(article_task(annotated.article, sentences, annotated.event) | {"review": True})
            labelled = [(s.sentence, s.label or s.votes[0].label) for s in annotated.sentences if s.votes or s.label]
            suggested[tasks[-1]["uid"]] = (article_result(annotated.article, labelled), 1.0)
    project = review_project(studio, scheme, arguments.project, arguments.view)
    push_tasks(studio, project, tasks)
    if suggested:
        studio.predict(project, "corpus", suggested)
    return DONE


def _said(votes: Sequence[Annotation]) -> str:
    return ", ".join(f"{vote.annotator}: {vote.label}" for vote in votes)


def _suggest(model: Path, tasks: Sequence[dict[str, Any]]) -> tuple[str, dict[str, Prediction]]:
    """Return the model's version and what it suggests for tasks, given their data, by uid; articles are tagged whole."""
    from models import Tagger
    from models.artefact import model_version

    articles, uids = {}, []
    for task in tasks:
        article, sentences, _ = read_article(task)
        uids.append(article_uid(article))
        articles[uids[-1]] = (article, sentences)
    tagged = dict(zip(articles, Tagger.load(model).tag_split(list(articles.values()), _progress("tagged")), strict=True))
    suggested = {}
    for task, uid in zip(tasks, uids, strict=True):
        predictions = [p for _, p in tagged[uid].sentences]
        suggested[task["uid"]] = suggestion(task, [p.label for p in predictions], [p.probability for p in predictions])
    return model_version(model), suggested


def _work_done(votes: Sequence[Sequence[Annotation]], sentences: int, scheme: LabelScheme) -> str:
    """Return a table: for each annotator sentences done and left, each label, seconds a sentence, suggestions kept."""
    lines = [f"{'annotator':<16}{'done':>6}{'left':>6}" + "".join(f"{name:>19}" for name in scheme.names) + "   seconds  kept"]
    for who in sorted({vote.annotator for of_sentence in votes for vote in of_sentence}):
        given = [vote for of_sentence in votes for vote in of_sentence if vote.annotator == who]
        labels = Counter(vote.label for vote in given)
        seconds = [vote.seconds for vote in given if vote.seconds is not None]
        shown = [vote for vote in given if vote.origin != "manual"]
        kept = f"{sum(vote.origin == 'prediction' for vote in shown) / len(shown):>6.0%}" if shown else f"{'–':>6}"
        spent = f"{median(seconds):>10.1f}" if seconds else f"{'–':>10}"
        counts = "".join(f"{labels[name]:>19}" for name in scheme.names)
        lines.append(f"{who:<16}{len(given):>6}{sentences - len(given):>6}{counts}{spent}{kept}")
    return "\n".join(lines)


def _progress(verb: str) -> Callable[[int, int], None] | None:
    if not sys.stderr.isatty():
        return None
    return lambda done, total: print(f"\r{verb} {done}/{total}", end="\n" if done == total else "", file=sys.stderr)


VERBS: dict[str, Callable[[Studio, LabelScheme, argparse.Namespace], int]] = {
    "create": _create,
    "push": _push,
    "pull": _pull,
    "predict": _predict,
    "status": _status,
    "review": _review,
}

if __name__ == "__main__":
    sys.exit(main())
