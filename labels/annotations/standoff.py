"""Labels that stand off from texts we may not ship: `read_labels(path, scheme)`, `attach(labelled, texts)`.

`labels/corpus/real/NAME.jsonl` holds a line an article:

    {"doc", "outlet", "event", "kind", "topic", "split", "rows": [{"index", "hash", "label", "inherited", "votes"}]}

`hash` is `sentence_hash` of the sentence it was given for, so a label never lands on other words. Whoever has the texts
attaches them; the result is a corpus folder like any other.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from labels.annotations.corpus import SPLITS, AnnotatedArticle, Annotation, LabeledSentence, read_votes
from labels.articles.article import Article, place_sentences
from labels.articles.decoding import json_rows, read_utf8
from labels.errors import AnnotationError, ArticleError
from labels.files import located
from labels.scheme import LabelScheme

STANDOFF, ATTACHED = Path("labels/corpus/real"), Path("labels/corpus/attached")
_META = ("doc", "outlet", "event", "kind", "topic", "split")


@dataclass(frozen=True, slots=True)
class StandoffLabel:
    """The label of one sentence of an article, without its words."""

    index: int
    hash: str
    label: str
    inherited: bool
    votes: tuple[Annotation, ...]


@dataclass(frozen=True, slots=True)
class StandoffArticle:
    """The labels of one article of a named corpus; fields as in AnnotatedArticle."""

    doc: str
    outlet: str
    event: str
    kind: str
    topic: str
    split: str
    rows: tuple[StandoffLabel, ...]


def sentence_hash(text: str) -> str:
    """Return the first 16 hex digits of the SHA-256 of a sentence's UTF-8 text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_labels(path: Path, scheme: LabelScheme) -> list[StandoffArticle]:
    """Read a file of labels.

    Raises:
        AnnotationError: one line naming file and line: a field is missing, a label is unknown, a split is none of the three.
    """
    articles = []
    try:
        for number, row in json_rows(read_utf8(path), str(path)):
            place = f"{path}:{number}"
            if row.get("split") not in SPLITS:
                raise AnnotationError(f"{place}: split {row.get('split')!r} is none of {', '.join(SPLITS)}")
            try:
                labels = tuple(
                    StandoffLabel(
                        int(r["index"]),
                        r["hash"],
                        scheme.check(r["label"], place),
                        bool(r["inherited"]),
                        read_votes(r["votes"], scheme, place),
                    )
                    for r in row["rows"]
                )
                articles.append(StandoffArticle(**{key: row[key] for key in _META}, rows=labels))
            except (KeyError, TypeError, ValueError) as error:
                raise AnnotationError(f"{place}: a field is missing or of the wrong kind ({error})") from error
    except ArticleError as error:
        raise AnnotationError(str(error)) from error
    return articles


def read_all_labels(scheme: LabelScheme) -> list[tuple[str, StandoffArticle]]:
    """Return every article of the labels of record with the name of its corpus."""
    return [(path.stem, article) for path in sorted(located(STANDOFF).glob("*.jsonl")) for article in read_labels(path, scheme)]


def read_texts(path: Path) -> dict[str, dict[int, str]]:
    """Read sentences as {doc: {index: text}} from JSONL rows `{"doc", "index", "text"}`, other fields ignored.

    Raises:
        ArticleError: the file cannot be read, or a row lacks one of the three.
    """
    texts: dict[str, dict[int, str]] = {}
    for number, row in json_rows(read_utf8(path), str(path)):
        doc, index, text = row.get("doc"), row.get("index"), row.get("text")
        if not isinstance(doc, str) or not isinstance(index, int) or not isinstance(text, str):
            raise ArticleError(f'{path}:{number}: needs "doc" (text), "index" (whole number) and "text"')
        texts.setdefault(doc, {})[index] = text
    return texts


def attach(
    corpus: str, labelled: Sequence[StandoffArticle], texts: Mapping[str, Mapping[int, str]]
) -> tuple[list[AnnotatedArticle], list[str]]:
    """Join labels to texts; return the articles, and a line for each article in which something does not match.

    A sentence is found by its hash: under its own index, or wherever in the article it has moved to. One that is not found is
    left out, its article keeps the rest.
    """
    articles, faults = [], []
    for entry in labelled:
        if entry.doc not in texts:
            faults.append(f"{corpus} {entry.doc}: not in these texts ({len(entry.rows)} labels unused)")
            continue
        sentences = texts[entry.doc]
        found = _match(entry.rows, sentences)
        if len(found) < len(entry.rows):
            kept = {row.index for row in found.values()}
            lost = [str(row.index) for row in entry.rows if row.index not in kept]
            faults.append(
                f"{corpus} {entry.doc}: {len(lost)} of {len(entry.rows)} sentences read otherwise here "
                f"(index {', '.join(lost[:5])}{' …' if len(lost) > 5 else ''})"
            )
        if found:
            articles.append(_article(corpus, entry, [(sentences[index], found[index]) for index in sorted(found)]))
    return articles, faults


def _match(rows: Sequence[StandoffLabel], sentences: Mapping[int, str]) -> dict[int, StandoffLabel]:
    """Give each label its sentence: the one at its index if the hash is right, else the next free one with that hash."""
    found = {row.index: row for row in rows if sentence_hash(sentences.get(row.index, "")) == row.hash}
    free: dict[str, list[int]] = {}
    for index in sorted(set(sentences) - set(found)):
        free.setdefault(sentence_hash(sentences[index]), []).append(index)
    for row in rows:
        if found.get(row.index) is not row and free.get(row.hash):
            found[free[row.hash].pop(0)] = row
    return found


def _article(corpus: str, entry: StandoffArticle, rows: Sequence[tuple[str, StandoffLabel]]) -> AnnotatedArticle:
    name = f"{corpus}/{entry.doc}"
    text, placed = place_sentences(name, [text for text, _ in rows])
    labeled = tuple(
        LabeledSentence(sentence, row.label, row.votes, row.inherited) for sentence, (_, row) in zip(placed, rows, strict=True)
    )
    article = Article(name, text, outlet=entry.outlet)
    return AnnotatedArticle(article, f"{corpus}/{entry.event}", entry.kind, labeled, entry.topic, entry.split)
