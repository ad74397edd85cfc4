"""Annotate in Label Studio: make a project, push articles, pull annotations, show a model's suggestions.

    newsvoice studio start                       install and start a server on this machine; stop ends it
    newsvoice studio create "Ferries" --annotators 2
    newsvoice studio push Ferries articles/ --model models/artifacts/default
    newsvoice studio pull Ferries
    newsvoice studio status Ferries
    newsvoice studio predict Ferries --model models/artifacts/default
    newsvoice studio review "Ferries, disputed"

The server is that of `newsvoice studio start`, or any other: LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY, a legacy or a personal
access token. pull writes labels/corpus/studio, a corpus like any other, to train on with data.attached=[labels/corpus/studio].
What the server gave is kept in its folder raw; take a folder for each server. A project is named by its title or number.
Needs the optional group: pip install 'newsvoice[studio]'
"""

import argparse
import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from labels.annotations.corpus import Annotation, read_corpus
from labels.articles import read_articles, sentences_of
from labels.commands import DONE, add_verb
from labels.files import located
from labels.progress import progress
from labels.scheme import DEFAULT_SCHEME, LabelScheme, load_scheme
from labels.studio import local_server
from labels.studio.answers import merge_tasks
from labels.studio.connect import connect
from labels.studio.pull import CORPUS, pull_corpus
from labels.studio.server import KEY, URL, Prediction, Studio
from labels.studio.tasks import article_result, article_task, article_uid, read_article, sentence_tasks, suggestion
from labels.studio.views import article_view, check_view, sentence_view

VIEWS = {"sentence": sentence_view, "article": article_view}
GUIDE = Path("labels/guidelines.md")
Verb = Callable[[Studio, LabelScheme, argparse.Namespace], None]


def add_to(verbs: Any) -> None:
    """Add `studio` and its verbs to the commands of the command line."""
    studio = add_verb(verbs, "studio", _start, __doc__).add_subparsers(required=True, metavar="VERB")
    start = add_verb(studio, "start", _start, "Install and start a server on this machine; print its address and credentials.")
    start.add_argument("--port", type=int, default=local_server.PORT)
    add_verb(studio, "stop", _stop, "Stop that server; the data stays.")
    create = _add(studio, "create", _create, "Make a project.", "TITLE")
    create.add_argument("--annotators", type=int, default=1, help="who answer a task before it is done")
    push = _add(studio, "push", _push, "Add articles; those that the project has already stay as they are.")
    push.add_argument("articles", nargs="+", metavar="ARTICLE", help="as for newsvoice tag")
    push.add_argument("--event", default="", help="what they report; outlets on one event are kept together when data is split")
    pull = _add(studio, "pull", _pull, "Bring a corpus up to date with the annotations.")
    predict = _add(studio, "predict", _predict, "Show a model's suggestions in all tasks.")
    _add(studio, "status", _status, "Tell what is done and left, the agreement, how often suggestions were kept.")
    review = _add(studio, "review", _review, "Push the sentences whose votes disagree to a project of their own.", "TITLE")
    for verb in (create, review):
        verb.add_argument("--view", choices=VIEWS, default="sentence", help="what a task is (default: %(default)s)")
    for verb in (pull, review):
        verb.add_argument("--corpus", type=Path, default=CORPUS, metavar="FOLDER", help="default: %(default)s")
    for verb in (push, predict):
        verb.add_argument(
            "--model", type=Path, required=verb is predict, metavar="DIR", help="a trained model, to suggest labels"
        )


def _add(studio: Any, name: str, work: Verb, description: str, project: str = "PROJECT") -> argparse.ArgumentParser:
    """Add a verb that talks to a server about a project."""

    def run(arguments: argparse.Namespace) -> int:
        scheme = load_scheme(arguments.scheme)
        work(connect(arguments.timeout), scheme, arguments)
        return DONE

    parser = add_verb(studio, name, run, description)
    parser.add_argument("project", metavar=project)
    parser.add_argument("--scheme", type=Path, default=DEFAULT_SCHEME, help="the labels (default: those that ship)")
    parser.add_argument("--timeout", type=float, default=120, metavar="SECONDS", help="for one answer of the server")
    return parser


def push_tasks(studio: Studio, project: int, tasks: Sequence[dict[str, Any]], model: Path | None = None) -> None:
    """Push tasks, given their data, then a model's suggestions for them, and say how many tasks were new."""
    with progress("pushed", "tasks") as report:
        added = studio.push(project, tasks, report)
    if model:
        _show(studio, project, *_suggest(model, tasks))
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

    text = re.sub(r"<!--.*?-->", "", located(GUIDE).read_text(encoding="utf-8"), flags=re.DOTALL).replace("<br>", " / ")
    return str(MarkdownIt("commonmark", {"html": False}).enable("table").render(text))


def _create(studio: Studio, scheme: LabelScheme, arguments: argparse.Namespace) -> None:
    number = studio.create(arguments.project, VIEWS[arguments.view](scheme), guide(), arguments.annotators)
    print(f"{studio.url}/projects/{number}")


def _push(studio: Studio, scheme: LabelScheme, arguments: argparse.Namespace) -> None:
    project = studio.find(arguments.project)
    view = studio.view(project)
    check_view(view, scheme, arguments.project)
    whole = "$article_text" not in view
    tasks: list[dict[str, Any]] = []
    for article in read_articles(arguments.articles):
        of_article = (article, sentences_of(article), arguments.event)
        tasks += [article_task(*of_article)] if whole else sentence_tasks(*of_article)
    push_tasks(studio, project, tasks, arguments.model)


def _pull(studio: Studio, scheme: LabelScheme, arguments: argparse.Namespace) -> None:
    folder = arguments.corpus
    corpus, faults = pull_corpus(studio, studio.find(arguments.project), folder, scheme)
    for fault in faults:
        print(fault, file=sys.stderr)
    labelled = sum(s.label is not None for a in corpus for s in a.sentences)
    disputed = sum(s.label is None and bool(s.votes) for a in corpus for s in a.sentences)
    print(f"{folder}: {len(corpus)} articles, {labelled} sentences labelled, {disputed} to be reviewed")


def _predict(studio: Studio, scheme: LabelScheme, arguments: argparse.Namespace) -> None:
    project = studio.find(arguments.project)
    check_view(studio.view(project), scheme, arguments.project)
    version, suggested = _suggest(arguments.model, [task["data"] for task in studio.tasks(project)])
    added = _show(studio, project, version, suggested)
    print(f"{version}: {added} suggestions added, {len(suggested) - added} were there: {studio.url}/projects/{project}")


def _status(studio: Studio, scheme: LabelScheme, arguments: argparse.Namespace) -> None:
    from labels.annotations.agreement import agreement, report

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


def _review(studio: Studio, scheme: LabelScheme, arguments: argparse.Namespace) -> None:
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
        _show(studio, project, "corpus", suggested)


def _start(arguments: argparse.Namespace) -> int:
    known = local_server.start(local_server.DATA, arguments.port)
    for title, key in (("address", URL), ("e-mail", "email"), ("password", "password"), ("token", KEY)):
        print(f"{title:<10}{known[key]}")
    return DONE


def _stop(arguments: argparse.Namespace) -> int:
    print("stopped; the data stays in .studio" if local_server.stop(local_server.DATA) else "no server was running")
    return DONE


def _show(studio: Studio, project: int, version: str, suggested: dict[str, Prediction]) -> int:
    """Give tasks a model version's suggestions, by uid; return how many were new."""
    with progress("suggested", "tasks") as report:
        return studio.predict(project, version, suggested, report)


def _said(votes: Sequence[Annotation]) -> str:
    return ", ".join(f"{vote.annotator}: {vote.label}" for vote in votes)


def _suggest(model: Path, tasks: Sequence[dict[str, Any]]) -> tuple[str, dict[str, Prediction]]:
    """Return the model's version and what it suggests for tasks, given their data, by uid; articles are tagged whole."""
    from models import Tagger
    from models.artifact import model_version

    articles, uids = {}, []
    for task in tasks:
        article, sentences, _ = read_article(task)
        uids.append(article_uid(article))
        articles[uids[-1]] = (article, sentences)
    with progress("tagged", "sentences") as report:
        tagged = dict(zip(articles, Tagger.load(model).tag_split(list(articles.values()), report), strict=True))
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
