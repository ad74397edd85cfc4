"""Files, folders, globs, addresses and standard input → articles: `read_articles(["page.html", "folder", "-"])`.

Nothing is fetched over the network unless the source itself is an address.
"""

import glob
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from labels.articles.article import MAX_BYTES, Article, Split, encodable, place_sentences, too_large
from labels.articles.decoding import decode, json_rows, read_utf8
from labels.articles.fetch import fetch
from labels.articles.readers import READERS, Reader, read_html, read_text, reader_of, stem
from labels.errors import ArticleError
from labels.files import located


def read_articles(sources: Sequence[str]) -> list[Article]:
    """Read articles from files, folders, globs, addresses and `-` (standard input), in the order given.

    Raises:
        ArticleError: one line for every source that cannot be read.
    """
    articles: list[Article] = []
    faults: list[str] = []
    for source in sources:
        try:
            for name, content, reader in _open(source):
                try:
                    articles.extend(reader(content(), name))
                except ArticleError as error:
                    faults.append(str(error))
        except ArticleError as error:
            faults.append(str(error))
    if faults:
        raise ArticleError("\n".join(faults))
    return _with_unique_ids(articles)


def read_split(sources: Sequence[str]) -> list[Split]:
    """Read articles whose sentences are split already: JSONL lines `{"id", "title"?, "sentences": [str, …]}`.

    The article's text is its sentences, one a line.

    Raises:
        ArticleError: one line for the first fault of every source.
    """
    articles: list[Split] = []
    faults: list[str] = []
    for source in sources:
        try:
            for name, content, _ in _open(source):
                articles.extend(_split_rows(content(), name))
        except ArticleError as error:
            faults.append(str(error))
    if not articles and not faults:
        faults.append(f'{", ".join(sources)}: no line with sentences; each needs {{"id", "sentences": [...]}}')
    if faults:
        raise ArticleError("\n".join(faults))
    return articles


def _open(source: str) -> Iterator[tuple[str, Callable[[], str], Reader]]:
    """Yield (name, how to get the content, reader) for all that a source stands for."""
    if source == "-":
        content = decode(sys.stdin.buffer.read(MAX_BYTES + 1), "standard input")
        yield "standard input", lambda: content, reader_of(content)
    elif re.match(r"https?://", source):
        yield source, partial(fetch, source, MAX_BYTES), read_html
    else:
        for path in _files(source):
            yield str(path), partial(_checked, path), READERS.get(path.suffix.lower(), read_text)


def _files(source: str) -> list[Path]:
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


def _checked(path: Path) -> str:
    if path.suffix.lower() != ".jsonl" and path.is_file() and path.stat().st_size > MAX_BYTES:
        raise ArticleError(f"{path}: {too_large(path.stat().st_size)}")
    return read_utf8(path)


def _split_rows(content: str, source: str) -> Iterator[Split]:
    for number, row in json_rows(content, source):
        texts = row.get("sentences")
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
            raise ArticleError(f'{source}:{number}: needs "sentences", a list of strings with at least one in it')
        name = str(row.get("id") or f"{stem(source)}:{number}")
        text, sentences = place_sentences(name, map(encodable, texts))
        yield Article(name, text, title=row.get("title")), sentences


def _with_unique_ids(articles: list[Article]) -> list[Article]:
    seen: dict[str, int] = {}
    unique = []
    for article in articles:
        seen[article.id] = seen.get(article.id, 0) + 1
        unique.append(article if seen[article.id] == 1 else replace(article, id=f"{article.id}#{seen[article.id]}"))
    return unique
