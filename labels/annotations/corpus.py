"""The annotations of record: `read_corpus(folder, scheme)` → [AnnotatedArticle], `write_corpus(folder, articles)`.

A corpus is a folder with two JSONL files:

    articles.jsonl    {"id", "event", "kind", "topic", "split", "outlet", "title", "published", "url", "text"}   one an article
    sentences.jsonl   {"article", "index", "start", "end", "text", "label", "inherited", "votes", "spans"}   one a sentence

`event` names the story that several outlets cover: data is split by it. `split` fixes where an article goes (train,
validation or test); null leaves that to the training. A null `label` is open, because nobody has labelled the sentence yet or
the votes disagree: the model sees it as context, and it is never counted. `votes` keeps what each annotator said, with the
annotator's pseudonym, kind (person or model), of an adjudicator the reason, of somebody at a screen the seconds spent and
whether the label was the model's own suggestion (`origin`). `inherited` marks a claim whose source stands in another sentence.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from labels.articles.article import METADATA, Article, Sentence, metadata
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
        kind: person or model.
        reason: a word or two of an adjudicator's.
        seconds: spent on it at the screen, if known.
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
    """A stretch of the article's text, say a source or a loaded word; offsets as in Sentence."""

    start: int
    end: int
    type: str


@dataclass(frozen=True, slots=True)
class LabeledSentence:
    """A sentence with the label of record, None while that is open, and the votes it rests on."""

    sentence: Sentence
    label: str | None
    votes: tuple[Annotation, ...] = ()
    inherited: bool = False
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class AnnotatedArticle:
    """An article, the event it reports, its kind of text (wire, tabloid, …), and its labelled sentences in order.

    Attributes:
        topic: what the event is about (strike, court, …); empty if nobody said.
        split: train, validation or test if the corpus fixes it, else None.
    """

    article: Article
    event: str
    kind: str
    sentences: tuple[LabeledSentence, ...]
    topic: str = ""
    split: str | None = None


def adjudicate(votes: Iterable[Annotation]) -> str | None:
    """Return the label the adjudicator gave last, else the one that more than half of the votes give, else None."""
    votes = list(votes)
    decided = [vote.label for vote in votes if vote.annotator == ADJUDICATOR]
    if decided:
        return decided[-1]
    counts = Counter(vote.label for vote in votes)
    if not counts:
        return None
    label, count = counts.most_common(1)[0]
    return label if count * 2 > counts.total() else None


def read_corpus(folder: Path, scheme: LabelScheme) -> list[AnnotatedArticle]:
    """Read and check a corpus.

    Raises:
        AnnotationError: one line naming file and line: an unknown label, offsets that do not give the sentence's text, a
            sentence of no article, a missing or repeated index.
    """
    folder = located(folder)
    articles: dict[str, tuple[Article, dict[str, Any]]] = {}
    for place, row in _rows(folder / ARTICLES):
        name, text = _need(row, "id", str, place), _need(row, "text", str, place)
        if name in articles:
            raise AnnotationError(f"{place}: article {name!r} stands there twice; give each its own id")
        split = row.get("split")
        if split is not None and split not in SPLITS:
            raise AnnotationError(f"{place}: split {split!r} is none of {', '.join(SPLITS)} (or null, to leave it open)")
        story = {
            "event": str(row.get("event") or name),
            "kind": str(row.get("kind") or ""),
            "topic": str(row.get("topic") or ""),
            "split": split,
        }
        articles[name] = (Article(name, text, **{key: row.get(key) for key in METADATA}), story)
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
    return [
        AnnotatedArticle(article, sentences=tuple(sentences[name]), **story)
        for name, (article, story) in articles.items()
        if name in sentences
    ]


def write_corpus(folder: Path, corpus: Sequence[AnnotatedArticle]) -> None:
    """Write a corpus so that a reader at any moment finds it as it was or as it will be.

    Articles come first, with those that will go, and are cut to what stays once the sentences are written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    articles = {
        a.article.id: {"id": a.article.id, "event": a.event, "kind": a.kind, "topic": a.topic, "split": a.split}
        | metadata(a.article)
        | {"text": a.article.text}
        for a in corpus
    }
    before = {row["id"]: row for _, row in _rows(folder / ARTICLES)} if (folder / ARTICLES).exists() else {}
    sentences = [_sentence_row(labeled) for a in corpus for labeled in a.sentences]
    going = [row for name, row in before.items() if name not in articles]
    steps = [(ARTICLES, [*articles.values(), *going]), (SENTENCES, sentences)]
    if going:
        steps.append((ARTICLES, list(articles.values())))
    for name, rows in steps:
        write_whole(folder / name, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def read_votes(rows: Sequence[dict[str, Any]], scheme: LabelScheme, place: str) -> tuple[Annotation, ...]:
    """Check the votes of one sentence.

    Raises:
        AnnotationError: a vote lacks annotator, kind or label, or names a label the scheme has not.
    """
    try:
        return tuple(
            Annotation(
                v["annotator"],
                v["kind"],
                scheme.check(v["label"], place),
                str(v.get("reason") or ""),
                v.get("seconds"),
                str(v.get("origin") or ""),
            )
            for v in rows
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise AnnotationError(f"{place}: a vote needs annotator, kind and label (wrong at {error})") from error


def vote_rows(votes: Iterable[Annotation]) -> list[dict[str, Any]]:
    """Return votes as JSON objects; what is not known of a vote is left out."""
    return [{key: value for key, value in asdict(vote).items() if value not in ("", None)} for vote in votes]


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
            None if row.get("label", "") is None else scheme.check(row.get("label"), place),
            read_votes(votes, scheme, place),
            bool(row.get("inherited", False)),
            tuple(Span(s["start"], s["end"], s["type"]) for s in spans),
        )
    except (KeyError, TypeError) as error:
        raise AnnotationError(f"{place}: a span needs start, end and type (wrong at {error})") from error


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
        "votes": vote_rows(labeled.votes),
        "spans": [{"start": p.start, "end": p.end, "type": p.type} for p in labeled.spans],
    }
