"""Files, folders, globs, addresses and standard input → articles: `read_articles(["page.html", "folder", "-"])`.

Nothing is fetched over the network unless the source itself is an address.
"""

import glob
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from labels.articles.article import MAX_BYTES, Article, Split, encodable, place_sentences, too_large
from labels.articles.decoding import decode, json_rows, read_utf8
from labels.articles.fetch import fetch
from labels.articles.readers import READERS, Reader, article_id, read_html, read_text, reader_of
from labels.errors import ArticleError
from labels.files import located

Input = tuple[str, Callable[[], str], Reader]  # name, function that reads the content, reader of that content


def read_articles(sources: Sequence[str]) -> list[Article]:
    """Read articles from files, folders, globs, addresses and `-` (standard input), in that order.

    Raises:
        ArticleError: one line for every source, or file of it, that cannot be read.
    """
    articles: list[Article] = []
    faults: list[str] = []
    for source in sources:
        try:
            inputs = _inputs(source)
        except ArticleError as error:
            faults.append(str(error))
            continue
        for name, read_content, reader in inputs:
            try:
                articles.extend(reader(read_content(), name))
            except ArticleError as error:
                faults.append(str(error))
    if faults:
        raise ArticleError("\n".join(faults))
    return _with_unique_ids(articles)


def read_split(sources: Sequence[str]) -> list[Split]:
    """Read articles that are split into sentences already: JSONL lines `{"id", "title"?, "sentences": [str, …]}`.

    The text of such an article is its sentences, one on each line.

    Raises:
        ArticleError: one line for the first fault in every source.
    """
    articles: list[Split] = []
    faults: list[str] = []
    for source in sources:
        try:
            for name, read_content, _ in _inputs(source):
                articles.extend(_split_rows(read_content(), name))
        except ArticleError as error:
            faults.append(str(error))
    if not articles and not faults:
        faults.append(f'{", ".join(sources)}: no line with sentences; each needs {{"id", "sentences": [...]}}')
    if faults:
        raise ArticleError("\n".join(faults))
    return articles


def _inputs(source: str) -> list[Input]:
    """Return what a source stands for: standard input, a page, or one or more files."""
    if source == "-":
        content = decode(sys.stdin.buffer.read(MAX_BYTES + 1), "standard input")
        return [("standard input", lambda: content, reader_of(content))]
    if re.match(r"https?://", source):
        return [(source, partial(fetch, source, MAX_BYTES), read_html)]
    return [(str(path), partial(_read_file, path), READERS.get(path.suffix.lower(), read_text)) for path in _files(source)]


def _files(source: str) -> list[Path]:
    """Return the files of a folder or a pattern in order, or the file of that name, whether it exists or not."""
    path = located(source)
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.suffix.lower() in READERS and p.is_file() and p.name[0] != ".")
        if not files:
            raise ArticleError(f"{path}: no article in this folder; articles end in {', '.join(READERS)}")
        return files
    if not path.exists() and glob.has_magic(source):
        files = sorted(p for p in map(Path, glob.glob(source, recursive=True)) if p.is_file())  # noqa: PTH207
        if not files:
            raise ArticleError(f"{source}: no file matches this pattern")
        return files
    return [path]


def _read_file(path: Path) -> str:
    """Read a file, unless it is too large for one article; a JSONL file holds many."""
    if path.suffix.lower() != ".jsonl" and path.is_file() and path.stat().st_size > MAX_BYTES:
        raise ArticleError(f"{path}: {too_large(path.stat().st_size)}")
    return read_utf8(path)


def _split_rows(content: str, source: str) -> Iterator[Split]:
    for number, row in json_rows(content, source):
        texts = row.get("sentences")
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
            raise ArticleError(f'{source}:{number}: needs "sentences", a list of strings with at least one in it')
        name = str(row.get("id") or f"{article_id(source)}:{number}")
        text, sentences = place_sentences(name, map(encodable, texts))
        yield Article(name, text, title=row.get("title")), sentences


def _with_unique_ids(articles: list[Article]) -> list[Article]:
    """Add #2, #3, … to ids that are used already."""
    counts: Counter[str] = Counter()
    unique = []
    for article in articles:
        counts[article.id] += 1
        count = counts[article.id]
        unique.append(article if count == 1 else replace(article, id=f"{article.id}#{count}"))
    return unique
