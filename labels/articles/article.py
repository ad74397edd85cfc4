"""An article and its sentences; offsets count code points of the text as it was read."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labels.errors import ArticleError

METADATA = ("title", "outlet", "url", "published")  # fields beside id and text; all may be missing
MAX_BYTES = 10_000_000


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


def metadata(article: Article) -> dict[str, str | None]:
    """Return the fields of METADATA by name."""
    return {name: getattr(article, name) for name in METADATA}


def article_of(row: Mapping[str, Any], place: str) -> Article:
    """Make an article from a row of a table or a JSON object; without an id in it, `place` is the id.

    Raises:
        ArticleError: the row has no text, or more than an article may have.
    """
    text = row.get("text")
    if not isinstance(text, str) or not text.strip():
        raise ArticleError(f'{place}: needs a "text" with the article in it')
    if len(text) > MAX_BYTES:
        raise ArticleError(f"{place}: {too_large(len(text))}")
    fields = {name: row.get(name) for name in ("id", *METADATA)}
    present = {name: encodable(str(value)) for name, value in fields.items() if not _is_missing(value)}
    return Article(**{"id": place, "text": text} | present)


def place_sentences(article_id: str, texts: Iterable[str]) -> tuple[str, list[Sentence]]:
    """Join sentences, one on each line; return the text, and the sentences with their offsets in it."""
    sentences, position = [], 0
    for index, text in enumerate(texts):
        sentences.append(Sentence(article_id, index, position, position + len(text), text))
        position += len(text) + 1
    return "\n".join(sentence.text for sentence in sentences), sentences


def encodable(text: str) -> str:
    """Replace lone surrogates, which JSON can write but UTF-8 cannot; the length stays the same."""
    return text.encode("utf-8", "replace").decode()


def too_large(size: int) -> str:
    """Return the message for an article of `size` bytes, which is too large."""
    return f"{size / 1e6:.1f} MB is too large for one article (limit {MAX_BYTES / 1e6:.0f} MB); split it"


def _is_missing(value: object) -> bool:
    """Tell whether a cell is empty: tables mark it by None, "" or NaN."""
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))
