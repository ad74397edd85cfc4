"""An article and its sentences; offsets are in code points and point into the text as it was read."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labels.errors import ArticleError

METADATA = ("title", "outlet", "url", "published")  # what is known of an article beside its id and its text
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
    """Return the article that a row of a table or a JSON object is; without an id, its place names it.

    Raises:
        ArticleError: it has no text, or too much.
    """
    text = row.get("text")
    if not isinstance(text, str) or not text.strip():
        raise ArticleError(f'{place}: needs a "text" with the article in it')
    if len(text) > MAX_BYTES:
        raise ArticleError(f"{place}: {too_large(len(text))}")
    known = {name: value for name in ("id", *METADATA) if not _is_missing(value := row.get(name))}
    return Article(**{"id": place, "text": text} | {name: encodable(str(value)) for name, value in known.items()})


def place_sentences(article_id: str, texts: Iterable[str]) -> tuple[str, list[Sentence]]:
    """Join sentences one a line and say where each stands."""
    sentences, position = [], 0
    for index, text in enumerate(texts):
        sentences.append(Sentence(article_id, index, position, position + len(text), text))
        position += len(text) + 1
    return "\n".join(sentence.text for sentence in sentences), sentences


def encodable(text: str) -> str:
    """Replace lone surrogates, which JSON can spell but UTF-8 cannot hold; the length stays."""
    return text.encode("utf-8", "replace").decode()


def too_large(size: int) -> str:
    """Say that an article of `size` bytes is too large."""
    return f"{size / 1e6:.1f} MB is too large for one article (limit {MAX_BYTES / 1e6:.0f} MB); split it"


def _is_missing(value: object) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))  # a table's ways to say nothing
