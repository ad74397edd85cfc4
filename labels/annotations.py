"""The annotations of record: `read_corpus(folder, scheme)` → [AnnotatedArticle], `write_corpus(folder, articles)`.

A corpus is a folder with two JSONL files:

    articles.jsonl    {"id", "event", "kind", "outlet", "title", "published", "url", "text"}           a line an article
    sentences.jsonl   {"article", "index", "start", "end", "text", "label", "inherited", "votes", "spans"}   a line a sentence

`event` names the story that several outlets cover: data is split by it. `votes` keeps what each annotator said, with the
annotator's pseudonym and kind (person or model). `inherited` marks a claim whose source stands in another sentence.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labels.articles import Article, Sentence, json_rows, read_utf8
from labels.errors import AnnotationError, ArticleError, write_whole
from labels.scheme import LabelScheme

ARTICLES, SENTENCES = "articles.jsonl", "sentences.jsonl"
ANNOTATOR_KINDS = ("person", "model")


@dataclass(frozen=True, slots=True)
class Annotation:
    """One annotator's vote on one sentence; `kind` is person or model."""

    annotator: str
    kind: str
    label: str


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the article's text, say a source or a loaded word; offsets as in Sentence."""

    start: int
    end: int
    type: str


@dataclass(frozen=True, slots=True)
class LabeledSentence:
    """A sentence with the label of record and the votes it rests on."""

    sentence: Sentence
    label: str
    votes: tuple[Annotation, ...] = ()
    inherited: bool = False
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class AnnotatedArticle:
    """An article, the event it reports, its kind of text (wire, tabloid, …), and its labelled sentences in order."""

    article: Article
    event: str
    kind: str
    sentences: tuple[LabeledSentence, ...]


def adjudicate(votes: Iterable[Annotation]) -> str | None:
    """Return the label that more than half of the votes give, or None: then somebody has to decide."""
    counts = Counter(vote.label for vote in votes)
    if not counts:
        return None
    label, count = counts.most_common(1)[0]
    return label if count * 2 > counts.total() else None


def read_corpus(folder: Path, scheme: LabelScheme) -> list[AnnotatedArticle]:
    """Read and check a corpus.

    Raises:
        AnnotationError: one line naming file and line: an unknown label, offsets that do not give the sentence's text, a
            sentence of no article, a missing or repeated index, an article without sentences.
    """
    articles: dict[str, tuple[Article, str, str]] = {}
    for place, row in _rows(folder / ARTICLES):
        name, text = _need(row, "id", str, place), _need(row, "text", str, place)
        if name in articles:
            raise AnnotationError(f"{place}: article {name!r} stands there twice; give each its own id")
        meta = {key: row.get(key) for key in ("title", "outlet", "url", "published")}
        articles[name] = (Article(name, text, **meta), str(row.get("event") or name), str(row.get("kind") or ""))
    sentences: dict[str, list[LabeledSentence]] = defaultdict(list)
    for place, row in _rows(folder / SENTENCES):
        name = _need(row, "article", str, place)
        if name not in articles:
            raise AnnotationError(f"{place}: no article {name!r} in {folder / ARTICLES}")
        labeled = _sentence(row, articles[name][0], scheme, place)
        if labeled.sentence.index != len(sentences[name]):
            raise AnnotationError(
                f"{place}: index {labeled.sentence.index} of article {name!r} is out of order; expected {len(sentences[name])}"
            )
        sentences[name].append(labeled)
    for name in articles:
        if name not in sentences:
            raise AnnotationError(f"{folder / ARTICLES}: article {name!r} has no sentence in {SENTENCES}")
    return [AnnotatedArticle(*articles[name], tuple(sentences[name])) for name in articles]


def write_corpus(folder: Path, corpus: Sequence[AnnotatedArticle]) -> None:
    """Write a corpus; each file is there whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    articles = [
        {"id": a.article.id, "event": a.event, "kind": a.kind, "outlet": a.article.outlet, "title": a.article.title}
        | {"published": a.article.published, "url": a.article.url, "text": a.article.text}
        for a in corpus
    ]
    sentences = [_sentence_row(labeled) for a in corpus for labeled in a.sentences]
    for name, rows in ((SENTENCES, sentences), (ARTICLES, articles)):
        write_whole(folder / name, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def _rows(path: Path) -> Iterable[tuple[str, dict[str, Any]]]:
    try:
        for number, row in json_rows(read_utf8(path), str(path)):
            yield f"{path}:{number}", row
    except ArticleError as error:
        raise AnnotationError(f"{error} (a corpus folder holds {ARTICLES} and {SENTENCES})") from error


def _need(row: dict[str, Any], key: str, kind: type, place: str) -> Any:
    if not isinstance(row.get(key), kind) or isinstance(row[key], bool):
        raise AnnotationError(f"{place}: needs {key!r}, a {'whole number' if kind is int else 'text'} (got {row.get(key)!r})")
    return row[key]


def _sentence(row: dict[str, Any], article: Article, scheme: LabelScheme, place: str) -> LabeledSentence:
    index, start, end = (_need(row, key, int, place) for key in ("index", "start", "end"))
    text = _need(row, "text", str, place)
    if not 0 <= start < end <= len(article.text) or article.text[start:end] != text:
        raise AnnotationError(f"{place}: offsets {start}-{end} of article {article.id!r} do not give the sentence's text")
    votes = row.get("votes") or []
    spans = row.get("spans") or []
    try:
        return LabeledSentence(
            Sentence(article.id, index, start, end, text),
            scheme.check(row.get("label"), place),
            tuple(Annotation(v["annotator"], v["kind"], scheme.check(v["label"], place)) for v in votes),
            bool(row.get("inherited", False)),
            tuple(Span(s["start"], s["end"], s["type"]) for s in spans),
        )
    except (KeyError, TypeError) as error:
        raise AnnotationError(
            f"{place}: a vote needs annotator, kind and label, a span start, end and type (wrong at {error})"
        ) from error


def _sentence_row(labeled: LabeledSentence) -> dict[str, Any]:
    s = labeled.sentence
    return {
        "article": s.article_id,
        "index": s.index,
        "start": s.start,
        "end": s.end,
        "text": s.text,
        "label": labeled.label,
        "inherited": labeled.inherited,
        "votes": [{"annotator": v.annotator, "kind": v.kind, "label": v.label} for v in labeled.votes],
        "spans": [{"start": p.start, "end": p.end, "type": p.type} for p in labeled.spans],
    }
