"""Articles and their sentences: `read_articles(["page.html", "folder", "-"])` → [Article].

A reader turns the text of one file into articles; READERS maps a file's suffix to its reader. Nothing is fetched over the
network unless the source itself is a URL. `Article.text` is the text as read: every offset points into it.
"""

import glob
import json
import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from labels.errors import ArticleError
from labels.furniture import find_furniture

MAX_BYTES = 10_000_000
HEADLINE_LENGTH = 200
AGENT = "Mozilla/5.0 (compatible; article reader)"  # what a page is asked for as


@dataclass(frozen=True, slots=True)
class Article:
    """One article; `text` is what was read, headline included, unchanged."""

    id: str
    text: str
    title: str | None = None
    outlet: str | None = None
    url: str | None = None
    published: str | None = None


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of an article: `article.text[start:end] == text`, offsets in code points."""

    article_id: str
    index: int
    start: int
    end: int
    text: str


Split = tuple[Article, Sequence[Sentence]]  # an article and its sentences


def read_articles(sources: Sequence[str]) -> list[Article]:
    """Read articles from files, folders, globs, URLs and `-` (standard input), in the order given.

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


def read_text(content: str, source: str) -> list[Article]:
    """Plain text: one article; its title is the first line that is no furniture, if it has no full stop."""
    lines = [line.strip() for line in content.splitlines() if line.strip()]
    if not lines:
        raise ArticleError(f"{source}: holds no text; give a file with an article in it")
    first = next((line for line, furniture in zip(lines, find_furniture(lines), strict=True) if not furniture), "")
    date = re.search(r"\b(?:19|20)\d\d-[01]\d-[0-3]\d\b", first)
    is_headline = len(first) <= HEADLINE_LENGTH and len(first.split()) > 2 and not re.search(r"[.!?:;,][\"”’')]*$", first)
    return [
        Article(id=_stem(source), text=content, title=first if is_headline else None, published=date.group() if date else None)
    ]


def read_html(content: str, source: str) -> list[Article]:
    """An HTML page: the main text as trafilatura finds it, headline first, with title, outlet and date of its metadata."""
    import logging

    import trafilatura

    for name in ("trafilatura", "htmldate"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what is wrong is said here, once
    found: Any = trafilatura.bare_extraction(content, with_metadata=True, include_comments=False, include_tables=False)
    body = (found.text or "").strip() if found else ""
    if len(re.findall(r"\w+", body)) < 5:
        raise ArticleError(f"{source}: no article found in this HTML; save the page's text as a .txt file and read that")
    title = found.title or None
    if title and not body.startswith(title):
        body = f"{title}\n{body}"
    return [Article(_stem(source), body, title, found.sitename or found.hostname, found.url, found.date)]


def read_jsonl(content: str, source: str) -> list[Article]:
    """JSONL: a line an article, `{"text", "id"?, "title"?, "outlet"?, "url"?, "published"?}`."""
    articles = []
    for number, row in json_rows(content, source):
        found = article_of(row, f"{source}:{number}")
        articles.append(replace(found, id=f"{_stem(source)}:{number}") if _is_missing(row.get("id")) else found)
    if not articles:
        raise ArticleError(f"{source}: holds no text; give a file with an article in it")
    return articles


def article_of(row: Mapping[str, Any], place: str) -> Article:
    """Return the article that a row of a table or a JSON object is; without an id, its place names it.

    Raises:
        ArticleError: it has no text, or too much.
    """
    text = row.get("text")
    if not isinstance(text, str) or not text.strip():
        raise ArticleError(f'{place}: needs a "text" with the article in it')
    if len(text) > MAX_BYTES:
        raise ArticleError(f"{place}: {_too_large(len(text))}")
    given = {key: value for key in ("id", "title", "outlet", "url", "published") if not _is_missing(value := row.get(key))}
    return Article(**{"id": place, "text": text} | {key: encodable(str(value)) for key, value in given.items()})


def _is_missing(value: object) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))  # a table's ways to say nothing


Reader = Callable[[str, str], list[Article]]
READERS: dict[str, Reader] = {
    ".txt": read_text,
    ".md": read_text,
    ".html": read_html,
    ".htm": read_html,
    ".jsonl": read_jsonl,
}


def read_split(sources: Sequence[str]) -> list[Split]:
    """Read articles whose sentences are split already: JSONL lines `{"id", "title"?, "sentences": [str, …]}`.

    The article's text is its sentences, one a line.

    Raises:
        ArticleError: one line for the first fault of every source.
    """
    found: list[Split] = []
    faults: list[str] = []
    for source in sources:
        try:
            for name, content, _ in _open(source):
                found.extend(_split_rows(content(), name))
        except ArticleError as error:
            faults.append(str(error))
    if not found and not faults:
        faults.append(f'{", ".join(sources)}: no line with sentences; each needs {{"id", "sentences": [...]}}')
    if faults:
        raise ArticleError("\n".join(faults))
    return found


def json_rows(content: str, source: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number, object) of JSONL text, blank lines left out."""
    for number, line in enumerate(content.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            raise ArticleError(f"{source}:{number}: not valid JSON: {error}; each line must be one JSON object") from error
        if not isinstance(row, dict):
            raise ArticleError(f"{source}:{number}: is {type(row).__name__}, not a JSON object with named fields")
        yield number, {key: encodable(value) if isinstance(value, str) else value for key, value in row.items()}


def read_utf8(path: Path) -> str:
    """Read a UTF-8 file as it is, line ends included.

    Raises:
        ArticleError: the file is missing, empty, binary or not UTF-8.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ArticleError(f"{path}: no such file or folder; check the name") from None
    except OSError as error:
        raise ArticleError(f"{path}: cannot be read: {error.strerror}") from error
    return decode(data, str(path))


def encodable(text: str) -> str:
    """Replace lone surrogates, which JSON can spell but UTF-8 cannot hold; the length stays."""
    return text.encode("utf-8", "replace").decode()


def place_sentences(article_id: str, texts: Iterable[str]) -> tuple[str, list[Sentence]]:
    """Join sentences one a line and say where each stands."""
    sentences, position = [], 0
    for index, text in enumerate(texts):
        sentences.append(Sentence(article_id, index, position, position + len(text), text))
        position += len(text) + 1
    return "\n".join(sentence.text for sentence in sentences), sentences


def _open(source: str) -> Iterator[tuple[str, Callable[[], str], Reader]]:
    """Yield (name, how to get the content, reader) for all that a source stands for."""
    if source == "-":
        content = decode(sys.stdin.buffer.read(MAX_BYTES + 1), "standard input")
        yield "standard input", lambda: content, _sniff(content)
    elif re.match(r"https?://", source):
        yield source, lambda: _fetch(source), read_html
    else:
        for path in _files(source):
            yield str(path), partial(_checked, path), READERS.get(path.suffix.lower(), read_text)


def _files(source: str) -> list[Path]:
    path = Path(source)
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
        raise ArticleError(f"{path}: {_too_large(path.stat().st_size)}")
    return read_utf8(path)


def _too_large(size: int) -> str:
    return f"{size / 1e6:.1f} MB is too large for one article (limit {MAX_BYTES / 1e6:.0f} MB); split it"


def decode(data: bytes, source: str) -> str:
    """Return the text of UTF-8 bytes.

    Raises:
        ArticleError: they are empty, binary, or of another encoding.
    """
    if not data.strip():
        raise ArticleError(f"{source}: is empty; give a file with an article in it")
    if b"\0" in data[:100_000]:
        raise ArticleError(f"{source}: is a binary file; give plain text, HTML or JSONL")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ArticleError(
            f"{source}: is not UTF-8 (byte 0x{data[error.start]:02x} at offset {error.start}); "
            "convert it, for instance with: iconv -f windows-1252 -t utf-8"
        ) from error


def _sniff(content: str) -> Reader:
    start = content.lstrip()[:200].lower()
    if start.startswith("{"):
        return read_jsonl
    return read_html if re.match(r"<(!doctype|html|head|body|\?xml|!--)", start) else read_text


def _fetch(url: str) -> str:
    import urllib.request

    request = urllib.request.Request(url, headers={"User-Agent": AGENT})
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            data: bytes = response.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise ArticleError(f"{url}: cannot be fetched: {getattr(error, 'reason', error)}") from error
    if len(data) > MAX_BYTES:
        raise ArticleError(f"{url}: {_too_large(len(data))}")
    return decode(data, url)


def _split_rows(content: str, source: str) -> Iterator[Split]:
    for number, row in json_rows(content, source):
        texts = row.get("sentences")
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
            raise ArticleError(f'{source}:{number}: needs "sentences", a list of strings with at least one in it')
        name = str(row.get("id") or f"{_stem(source)}:{number}")
        text, sentences = place_sentences(name, map(encodable, texts))
        yield Article(name, text, title=row.get("title")), sentences


def _stem(source: str) -> str:
    return source if re.match(r"https?://", source) else Path(source).stem


def _with_unique_ids(articles: list[Article]) -> list[Article]:
    seen: dict[str, int] = {}
    unique = []
    for article in articles:
        seen[article.id] = seen.get(article.id, 0) + 1
        unique.append(article if seen[article.id] == 1 else replace(article, id=f"{article.id}#{seen[article.id]}"))
    return unique
