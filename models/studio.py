"""Annotate in Label Studio: create a project, push articles, pull annotations, show a model's suggestions.

    newsvoice studio start                       install and start a server on this machine; stop ends it
    newsvoice studio create "Ferries" --annotators 2
    newsvoice studio push Ferries articles/ --model models/artifacts/default
    newsvoice studio pull Ferries
    newsvoice studio status Ferries
    newsvoice studio predict Ferries --model models/artifacts/default
    newsvoice studio review "Ferries, disputed"

The server is the one that `newsvoice studio start` runs, or any other that LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY (a legacy
or a personal access token) name. PROJECT is the title or the number of a project. pull writes labels/corpus/studio, a corpus
like any other; train on it with data.attached=[labels/corpus/studio]. It keeps the server's exports in the subfolder raw: use
one corpus folder for each server. Needs the optional group: pip install 'newsvoice[studio]'
"""

import argparse
import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from labels.annotations import Annotation, read_corpus
from labels.articles import read_articles, sentences_of
from labels.commands import DONE, add_verb
from labels.files import located
from labels.progress import progress
from labels.scheme import DEFAULT_SCHEME, LabelScheme, load_scheme
from labels.studio import local_server
from labels.studio.answers import merge_tasks
from labels.studio.connect import connect
from labels.studio.pull import CORPUS, pull_corpus
from labels.studio.server import KEY, URL, Studio, Suggestion
from labels.studio.tasks import article_result, article_task, article_uid, read_article, sentence_tasks, suggestion
from labels.studio.views import article_view, check_view, sentence_view

VIEWS = {"sentence": sentence_view, "article": article_view}
GUIDE = Path("labels/guidelines.md")
Verb = Callable[[Studio, LabelScheme, argparse.Namespace], None]


def add_to(verbs: Any) -> None:
    """Add `studio` and its verbs to the commands of the command line."""
    studio = add_verb(verbs, "studio", None, __doc__).add_subparsers(required=True, metavar="VERB")
    start = add_verb(studio, "start", _start, "Install and start a server on this machine; print its address and credentials.")
    start.add_argument("--port", type=int, default=local_server.PORT)
    add_verb(studio, "stop", _stop, "Stop that server; the data stays.")
    create = _add_project_verb(studio, "create", _create, "Create a project.", "TITLE")
    create.add_argument("--annotators", type=int, default=1, help="who must answer a task before it is done (default: 1)")
    push = _add_project_verb(studio, "push", _push, "Add articles; those that the project already has stay as they are.")
    push.add_argument("articles", nargs="+", metavar="ARTICLE", help="as for newsvoice tag")
    push.add_argument("--event", default="", help="what they report; articles on one event are kept together in splits")
    pull = _add_project_verb(studio, "pull", _pull, "Bring a corpus up to date with the annotations.")
    predict = _add_project_verb(studio, "predict", _predict, "Show a model's suggestions in all tasks.")
    _add_project_verb(studio, "status", _status, "Show what is done and left, agreement, how often suggestions were kept.")
    review = _add_project_verb(studio, "review", _review, "Push sentences whose votes disagree to a review project.", "TITLE")
    for parser in (create, review):
        parser.add_argument("--view", choices=VIEWS, default="sentence", help="what a task is (default: %(default)s)")
    for parser in (pull, review):
        parser.add_argument("--corpus", type=Path, default=CORPUS, metavar="FOLDER", help="default: %(default)s")
    for parser in (push, predict):
        parser.add_argument(
            "--model", type=Path, required=parser is predict, metavar="DIR", help="a model that suggests labels"
        )


def _add_project_verb(
    studio: Any, name: str, verb: Verb, description: str, project: str = "PROJECT"
) -> argparse.ArgumentParser:
    """Add a verb that works on a project of a server."""

    def run(arguments: argparse.Namespace) -> int:
        scheme = load_scheme(arguments.scheme)
        verb(connect(arguments.timeout), scheme, arguments)
        return DONE

    parser = add_verb(studio, name, run, description)
    parser.add_argument("project", metavar=project)
    parser.add_argument("--scheme", type=Path, default=DEFAULT_SCHEME, help="the labels (default: those that ship)")
    parser.add_argument("--timeout", type=float, default=120, metavar="SECONDS", help="for one answer of the server")
    return parser


def push_tasks(studio: Studio, project: int, tasks: Sequence[dict[str, Any]], model: Path | None = None) -> None:
    """Push tasks and a model's suggestions for them; print how many tasks were new.

    Args:
        project: its number.
        tasks: the data of the tasks (labels.studio.tasks).
        model: folder of a trained model; without it, nothing is suggested.
    """
    with progress("pushed", "tasks") as report:
        added = studio.push(project, tasks, report)
    if model:
        _push_suggestions(studio, project, *_suggest(model, tasks))
    print(f"{added} tasks added, {len(tasks) - added} were there: {studio.url}/projects/{project}")


def review_project(studio: Studio, scheme: LabelScheme, title: str, view: str = "sentence") -> int:
    """Return the number of the project with that title; create it if there is none."""
    if title not in studio.projects().values():
        return studio.create(title, VIEWS[view](scheme), guide(), 1)
    project = studio.find(title)
    check_view(studio.view(project), scheme, title)
    return project


def guide() -> str:
    """Return the annotator's guide as HTML, which Label Studio shows as a project's instruction."""
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
    is_sentence_view = "$article_text" in view
    tasks: list[dict[str, Any]] = []
    for article in read_articles(arguments.articles):
        sentences = sentences_of(article)
        if is_sentence_view:
            tasks += sentence_tasks(article, sentences, arguments.event)
        else:
            tasks.append(article_task(article, sentences, arguments.event))
    push_tasks(studio, project, tasks, arguments.model)


def _pull(studio: Studio, scheme: LabelScheme, arguments: argparse.Namespace) -> None:
    folder = arguments.corpus
    corpus, faults = pull_corpus(studio, studio.find(arguments.project), folder, scheme)
    for fault in faults:
        print(fault, file=sys.stderr)
    sentences = [sentence for article in corpus for sentence in article.sentences]
    labelled = sum(sentence.label is not None for sentence in sentences)
    disputed = sum(sentence.label is None and bool(sentence.votes) for sentence in sentences)
    print(f"{folder}: {len(corpus)} articles, {labelled} sentences labelled, {disputed} to be reviewed")


def _predict(studio: Studio, scheme: LabelScheme, arguments: argparse.Namespace) -> None:
    project = studio.find(arguments.project)
    check_view(studio.view(project), scheme, arguments.project)
    version, suggestions = _suggest(arguments.model, [task["data"] for task in studio.tasks(project)])
    added = _push_suggestions(studio, project, version, suggestions)
    print(f"{version}: {added} suggestions added, {len(suggestions) - added} were there: {studio.url}/projects/{project}")


def _status(studio: Studio, scheme: LabelScheme, arguments: argparse.Namespace) -> None:
    from labels.annotations.agreement import agreement, report

    tasks = studio.tasks(studio.find(arguments.project), "all")
    for task in tasks:
        task["data"].pop("review", None)  # so that reviewers are counted by name like all annotators
    corpus, faults = merge_tasks([], tasks, scheme)
    votes = [sentence.votes for article in corpus for sentence in article.sentences if sentence.votes]
    sentences = sum(1 if "index" in task["data"] else len(task["data"].get("sentences", ())) for task in tasks)
    print(_work_done(votes, sentences, scheme))
    for pair in agreement(votes):
        print(f"\n{report(pair, scheme)}")
    for fault in faults:
        print(fault, file=sys.stderr)


def _review(studio: Studio, scheme: LabelScheme, arguments: argparse.Namespace) -> None:
    tasks: list[dict[str, Any]] = []
    suggestions: dict[str, Suggestion] = {}
    for annotated in read_corpus(arguments.corpus, scheme):
        sentences = [s.sentence for s in annotated.sentences]
        notes = {s.sentence.index: _list_votes(s.votes) for s in annotated.sentences if s.votes and s.label is None}
        if arguments.view == "sentence":
            tasks += sentence_tasks(annotated.article, sentences, annotated.event, notes)
        elif notes:
            tasks.append(article_task(annotated.article, sentences, annotated.event) | {"review": True})
            labelled = [(s.sentence, s.label or s.votes[0].label) for s in annotated.sentences if s.votes or s.label]
            suggestions[tasks[-1]["uid"]] = (article_result(annotated.article, labelled), 1.0)
    project = review_project(studio, scheme, arguments.project, arguments.view)
    push_tasks(studio, project, tasks)
    if suggestions:
        _push_suggestions(studio, project, "corpus", suggestions)


def _start(arguments: argparse.Namespace) -> int:
    credentials = local_server.start(local_server.DATA, arguments.port)
    for title, key in (("address", URL), ("e-mail", "email"), ("password", "password"), ("token", KEY)):
        print(f"{title:<10}{credentials[key]}")
    return DONE


def _stop(arguments: argparse.Namespace) -> int:
    print("stopped; the data stays in .studio" if local_server.stop(local_server.DATA) else "no server was running")
    return DONE


def _push_suggestions(studio: Studio, project: int, version: str, suggestions: dict[str, Suggestion]) -> int:
    """Push a model version's suggestions, {uid of a task: suggestion}; return how many were new."""
    with progress("suggested", "tasks") as report:
        return studio.predict(project, version, suggestions, report)


def _list_votes(votes: Sequence[Annotation]) -> str:
    return ", ".join(f"{vote.annotator}: {vote.label}" for vote in votes)


def _suggest(model: Path, tasks: Sequence[dict[str, Any]]) -> tuple[str, dict[str, Suggestion]]:
    """Return the model's version, and its suggestions for tasks of such data by uid; each article is tagged once."""
    from models import Tagger
    from models.artifact import model_version

    articles, uids = {}, []
    for task in tasks:
        article, sentences, _ = read_article(task)
        uids.append(article_uid(article))
        articles[uids[-1]] = (article, sentences)
    with progress("tagged", "sentences") as report:
        tagged = dict(zip(articles, Tagger.load(model).tag_split(list(articles.values()), report), strict=True))
    suggestions = {}
    for task, uid in zip(tasks, uids, strict=True):
        predictions = [prediction for _, prediction in tagged[uid].sentences]
        suggestions[task["uid"]] = suggestion(task, [p.label for p in predictions], [p.probability for p in predictions])
    return model_version(model), suggestions


def _work_done(votes: Sequence[Sequence[Annotation]], sentences: int, scheme: LabelScheme) -> str:
    """Return a table with a row for each annotator: sentences done and left, labels, seconds a sentence, suggestions kept."""
    lines = [f"{'annotator':<16}{'done':>6}{'left':>6}" + "".join(f"{name:>19}" for name in scheme.names) + "   seconds  kept"]
    by_annotator: dict[str, list[Annotation]] = {}
    for sentence_votes in votes:
        for vote in sentence_votes:
            by_annotator.setdefault(vote.annotator, []).append(vote)
    for annotator, own_votes in sorted(by_annotator.items()):
        labels = Counter(vote.label for vote in own_votes)
        counts = "".join(f"{labels[name]:>19}" for name in scheme.names)
        timed = [vote.seconds for vote in own_votes if vote.seconds is not None]
        seconds = f"{median(timed):>10.1f}" if timed else f"{'–':>10}"
        suggested = [vote for vote in own_votes if vote.origin != "manual"]
        kept_count = sum(vote.origin == "prediction" for vote in suggested)
        kept = f"{kept_count / len(suggested):>6.0%}" if suggested else f"{'–':>6}"
        lines.append(f"{annotator:<16}{len(own_votes):>6}{sentences - len(own_votes):>6}{counts}{seconds}{kept}")
    return "\n".join(lines)
