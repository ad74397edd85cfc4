"""A project's annotations → a corpus folder: `pull_corpus(studio, project, folder, scheme)`."""

from pathlib import Path

from labels.annotations.corpus import ARTICLES, SENTENCES, AnnotatedArticle, read_corpus, write_corpus
from labels.articles.decoding import json_rows, read_utf8
from labels.files import locked
from labels.scheme import LabelScheme
from labels.studio.answers import merge_tasks
from labels.studio.server import Studio

CORPUS = Path("labels/corpus/studio")  # where annotations go unless told otherwise


def pull_corpus(studio: Studio, project: int, folder: Path, scheme: LabelScheme) -> tuple[list[AnnotatedArticle], list[str]]:
    """Bring a corpus folder up to date with a project's annotations; return it, and a line for each thing that was left out.

    The folder's `raw` keeps the exports of all projects ever pulled into it; the corpus is what it was before anybody answered,
    and their answers.
    """
    with locked(folder):
        raw = studio.pull(project, folder / "raw").parent
        tasks = [task for path in sorted(raw.glob("*.jsonl")) for _, task in json_rows(read_utf8(path), str(path))]
        before = read_corpus(folder, scheme) if (folder / ARTICLES).exists() else []
        corpus, faults = merge_tasks(before, tasks, scheme)
        if corpus:
            write_corpus(folder, corpus)
        for name in () if corpus else (ARTICLES, SENTENCES):
            (folder / name).unlink(missing_ok=True)
    return corpus, faults
