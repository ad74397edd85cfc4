"""A project's annotations → a corpus folder: `pull_corpus(studio, project, folder, scheme)`."""

from pathlib import Path

from labels.annotations import AnnotatedArticle, read_corpus, write_corpus
from labels.annotations.corpus import ARTICLES, SENTENCES
from labels.articles.decoding import json_rows, read_utf8
from labels.files import locked
from labels.scheme import LabelScheme
from labels.studio.answers import merge_tasks
from labels.studio.server import Studio

CORPUS = Path("labels/corpus/studio")  # the default


def pull_corpus(studio: Studio, project: int, folder: Path, scheme: LabelScheme) -> tuple[list[AnnotatedArticle], list[str]]:
    """Bring a corpus folder up to date with a project's annotations.

    The folder `raw` in it keeps the exports of all projects that were pulled into it; the corpus is made from all of them, on
    top of the articles and votes that do not come from Label Studio.

    Returns:
        the corpus, and a message for each task or answer that was left out.
    """
    with locked(folder):
        raw = studio.pull(project, folder / "raw").parent
        tasks = [task for path in sorted(raw.glob("*.jsonl")) for _, task in json_rows(read_utf8(path), str(path))]
        old_corpus = read_corpus(folder, scheme) if (folder / ARTICLES).exists() else []
        corpus, faults = merge_tasks(old_corpus, tasks, scheme)
        if corpus:
            write_corpus(folder, corpus)
        else:
            (folder / ARTICLES).unlink(missing_ok=True)
            (folder / SENTENCES).unlink(missing_ok=True)
    return corpus, faults
