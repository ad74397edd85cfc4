"""The corpus of annotated articles: `read_corpus(folder, scheme)` → [AnnotatedArticle], `write_corpus(folder, corpus)`.

A corpus is a folder with two JSONL files:

    articles.jsonl    {"id", "event", "kind", "topic", "split", "outlet", "title", "published", "url", "text"}   one per article
    sentences.jsonl   {"article", "index", "start", "end", "text", "label", "inherited", "votes", "spans"}   one per sentence

`event` names the story that several outlets cover: data is split by it. `split` is the part that an article belongs to (train,
validation or test); null leaves that to the training. `label` is null as long as nobody has labelled the sentence or the votes
disagree: the model sees such a sentence as context, and it is never counted. `votes` are the labels that each annotator chose;
their fields are those of Annotation. `inherited` marks a claim whose source stands in another sentence.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from labels.articles import METADATA, Article, Sentence, metadata
from labels.articles.decoding import json_rows, read_utf8
from labels.errors import AnnotationError, ArticleError
from labels.files import located, write_whole
from labels.scheme import LabelScheme

ARTICLES, SENTENCES = "articles.jsonl", "sentences.jsonl"
SPLITS = ("train", "validation", "test")
ADJUDICATOR = "adjudicator"  # the annotator whose vote decides


@dataclass(frozen=True, slots=True)
class Annotation:
    """One annotator's vote on one sentence.

    Attributes:
        annotator: a pseudonym.
        kind: person or model.
        reason: of an adjudicator, in a word or two.
        seconds: time spent on it at the screen, if known.
        origin: manual, or, where a model's suggestion was shown, prediction (kept) or prediction-changed; empty if unknown.
    """

    annotator: str
    kind: str
    label: str
    reason: str = ""
    seconds: float | None = None
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """A marked part of an article's text, such as a source or a loaded word; offsets as in Sentence."""

    start: int
    end: int
    type: str


@dataclass(frozen=True, slots=True)
class LabeledSentence:
    """A sentence with its gold label, None while that is open, and the votes that the label is made from."""

    sentence: Sentence
    label: str | None
    votes: tuple[Annotation, ...] = ()
    inherited: bool = False
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class AnnotatedArticle:
    """An article and its labelled sentences in order.

    Attributes:
        event: name of the story that it reports.
        kind: kind of text (wire, tabloid, …); empty if unknown.
        topic: what the event is about (strike, court, …); empty if unknown.
        split: train, validation or test if the corpus fixes it, else None.
    """

    article: Article
    event: str
    kind: str
    sentences: tuple[LabeledSentence, ...]
    topic: str = ""
    split: str | None = None


def adjudicate(votes: Iterable[Annotation]) -> str | None:
    """Return the adjudicator's last label, else the label of more than half of the votes, else None."""
    votes = list(votes)
    decisions = [vote.label for vote in votes if vote.annotator == ADJUDICATOR]
    if decisions:
        return decisions[-1]
    counts = Counter(vote.label for vote in votes)
    if not counts:
        return None
    label, count = counts.most_common(1)[0]
    return label if count * 2 > counts.total() else None


def read_corpus(folder: Path, scheme: LabelScheme) -> list[AnnotatedArticle]:
    """Read and check a corpus.

    Raises:
        AnnotationError: a label is unknown, offsets do not give the sentence's text, a sentence belongs to no article, or an
            index is missing or repeated; the message names file and line.
    """
    folder = located(folder)
    articles = _read_articles(folder / ARTICLES)
    sentences: dict[str, list[LabeledSentence]] = defaultdict(list)
    for place, row in _rows(folder / SENTENCES):
        name = _required(row, "article", str, place)
        if name not in articles:
            raise AnnotationError(f"{place}: no article {name!r} in {folder / ARTICLES}")
        labeled = _sentence(row, articles[name].article, scheme, place)
        if labeled.sentence.index != len(sentences[name]):
            raise AnnotationError(
                f"{place}: index {labeled.sentence.index} of article {name!r} is out of order; expected {len(sentences[name])}"
            )
        sentences[name].append(labeled)
    return [replace(articles[name], sentences=tuple(sentences[name])) for name in articles if name in sentences]


def write_corpus(folder: Path, corpus: Sequence[AnnotatedArticle]) -> None:
    """Write a corpus in such steps that the folder holds the old or the new corpus at any moment, also if it is cut short.

    The sentences of both must find their article: the old articles are removed after the new sentences are written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    articles = {annotated.article.id: _article_row(annotated) for annotated in corpus}
    sentences = [_sentence_row(labeled) for annotated in corpus for labeled in annotated.sentences]
    old_articles = {row["id"]: row for _, row in _rows(folder / ARTICLES)} if (folder / ARTICLES).exists() else {}
    removed = [row for name, row in old_articles.items() if name not in articles]
    steps = [(ARTICLES, [*articles.values(), *removed]), (SENTENCES, sentences)]
    if removed:
        steps.append((ARTICLES, list(articles.values())))
    for name, rows in steps:
        write_whole(folder / name, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def read_votes(rows: Sequence[dict[str, Any]], scheme: LabelScheme, place: str) -> tuple[Annotation, ...]:
    """Read and check the votes of one sentence; `place` names it in messages.

    Raises:
        AnnotationError: a vote has no annotator, kind or label, or a label that is not in the scheme.
    """
    try:
        return tuple(
            Annotation(
                row["annotator"],
                row["kind"],
                scheme.check(row["label"], place),
                str(row.get("reason") or ""),
                row.get("seconds"),
                str(row.get("origin") or ""),
            )
            for row in rows
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise AnnotationError(f"{place}: a vote needs annotator, kind and label (wrong at {error})") from error


def vote_rows(votes: Iterable[Annotation]) -> list[dict[str, Any]]:
    """Return votes as JSON objects, without the fields that are empty."""
    return [{key: value for key, value in asdict(vote).items() if value not in ("", None)} for vote in votes]


def _rows(path: Path) -> Iterable[tuple[str, dict[str, Any]]]:
    try:
        for number, row in json_rows(read_utf8(path), str(path)):
            yield f"{path}:{number}", row
    except ArticleError as error:
        raise AnnotationError(f"{error} (a corpus folder holds {ARTICLES} and {SENTENCES})") from error


def _read_articles(path: Path) -> dict[str, AnnotatedArticle]:
    """Return the articles of a corpus by id, without their sentences."""
    articles: dict[str, AnnotatedArticle] = {}
    for place, row in _rows(path):
        name, text = _required(row, "id", str, place), _required(row, "text", str, place)
        if name in articles:
            raise AnnotationError(f"{place}: article {name!r} is listed twice; give each article an id of its own")
        split = row.get("split")
        if split is not None and split not in SPLITS:
            raise AnnotationError(f"{place}: split {split!r} is none of {', '.join(SPLITS)} (or null, to leave it open)")
        articles[name] = AnnotatedArticle(
            Article(name, text, **{key: row.get(key) for key in METADATA}),
            event=str(row.get("event") or name),
            kind=str(row.get("kind") or ""),
            sentences=(),
            topic=str(row.get("topic") or ""),
            split=split,
        )
    return articles


def _required(row: dict[str, Any], key: str, kind: type, place: str) -> Any:
    if not isinstance(row.get(key), kind) or isinstance(row[key], bool):
        raise AnnotationError(f"{place}: needs {key!r}, a {'whole number' if kind is int else 'text'} (got {row.get(key)!r})")
    return row[key]


def _sentence(row: dict[str, Any], article: Article, scheme: LabelScheme, place: str) -> LabeledSentence:
    index, start, end = (_required(row, key, int, place) for key in ("index", "start", "end"))
    text = _required(row, "text", str, place)
    if not 0 <= start < end <= len(article.text) or article.text[start:end] != text:
        raise AnnotationError(f"{place}: offsets {start}-{end} of article {article.id!r} do not give the sentence's text")
    try:
        return LabeledSentence(
            Sentence(article.id, index, start, end, text),
            None if row.get("label", "") is None else scheme.check(row.get("label"), place),
            read_votes(row.get("votes") or [], scheme, place),
            bool(row.get("inherited", False)),
            tuple(Span(span["start"], span["end"], span["type"]) for span in row.get("spans") or []),
        )
    except (KeyError, TypeError) as error:
        raise AnnotationError(f"{place}: a span needs start, end and type (wrong at {error})") from error


def _article_row(annotated: AnnotatedArticle) -> dict[str, Any]:
    article = annotated.article
    return {
        "id": article.id,
        "event": annotated.event,
        "kind": annotated.kind,
        "topic": annotated.topic,
        "split": annotated.split,
        **metadata(article),
        "text": article.text,
    }


def _sentence_row(labeled: LabeledSentence) -> dict[str, Any]:
    sentence = labeled.sentence
    return {
        "article": sentence.article_id,
        "index": sentence.index,
        "start": sentence.start,
        "end": sentence.end,
        "text": sentence.text,
        "label": labeled.label,
        "inherited": labeled.inherited,
        "votes": vote_rows(labeled.votes),
        "spans": [{"start": span.start, "end": span.end, "type": span.type} for span in labeled.spans],
    }
