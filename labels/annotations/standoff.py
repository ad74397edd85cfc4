"""Stand-off annotation, labels without their texts, which we may not ship: `read_labels(path, scheme)`, `attach(...)`.

`labels/corpus/real/NAME.jsonl` has one line per article:

    {"doc", "outlet", "event", "kind", "topic", "split", "rows": [{"index", "hash", "label", "inherited", "votes"}]}

`hash` is the `sentence_hash` of the sentence that was labelled, so a label is never joined to other words. Somebody who has the
texts attaches the labels to them; the result is a corpus folder like any other.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from labels.annotations.corpus import SPLITS, AnnotatedArticle, Annotation, LabeledSentence, read_votes
from labels.articles import Article
from labels.articles.article import place_sentences
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
        AnnotationError: a field is missing, a label is unknown, or a split is none of SPLITS; the message names file and line.
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
                        int(label["index"]),
                        label["hash"],
                        scheme.check(label["label"], place),
                        bool(label["inherited"]),
                        read_votes(label["votes"], scheme, place),
                    )
                    for label in row["rows"]
                )
                articles.append(StandoffArticle(**{key: row[key] for key in _META}, rows=labels))
            except (KeyError, TypeError, ValueError) as error:
                raise AnnotationError(f"{place}: a field is missing or of the wrong kind ({error})") from error
    except ArticleError as error:
        raise AnnotationError(str(error)) from error
    return articles


def read_all_labels(scheme: LabelScheme) -> list[tuple[str, StandoffArticle]]:
    """Return the labels of every article that ships with the project, each with the name of its corpus."""
    return [(path.stem, article) for path in sorted(located(STANDOFF).glob("*.jsonl")) for article in read_labels(path, scheme)]


def read_texts(path: Path) -> dict[str, dict[int, str]]:
    """Read sentences as {doc: {index: text}} from JSONL rows `{"doc", "index", "text"}`; other fields are ignored.

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
    """Join labels to texts; return the articles, and a message for each article in which something does not match.

    A sentence is found by its hash, at its index or elsewhere in the article. A label whose sentence is not found is left out;
    the article keeps the others.

    Args:
        corpus: name of the corpus, for ids and messages.
        texts: {doc: {index: text}}, as from `read_texts`.
    """
    articles, faults = [], []
    for entry in labelled:
        if entry.doc not in texts:
            faults.append(f"{corpus} {entry.doc}: not in these texts ({len(entry.rows)} labels unused)")
            continue
        sentences = texts[entry.doc]
        matches = _match(entry.rows, sentences)
        if len(matches) < len(entry.rows):
            matched = {row.index for row in matches.values()}
            lost = [str(row.index) for row in entry.rows if row.index not in matched]
            faults.append(
                f"{corpus} {entry.doc}: {len(lost)} of {len(entry.rows)} sentences differ in these texts "
                f"(index {', '.join(lost[:5])}{' …' if len(lost) > 5 else ''})"
            )
        if matches:
            articles.append(_article(corpus, entry, [(sentences[index], matches[index]) for index in sorted(matches)]))
    return articles, faults


def _match(rows: Sequence[StandoffLabel], sentences: Mapping[int, str]) -> dict[int, StandoffLabel]:
    """Return {index of a sentence: its label}: the sentence at the label's index, or else the first free one with its hash."""
    matches = {row.index: row for row in rows if sentence_hash(sentences.get(row.index, "")) == row.hash}
    free: dict[str, list[int]] = {}
    for index in sorted(set(sentences) - set(matches)):
        free.setdefault(sentence_hash(sentences[index]), []).append(index)
    for row in rows:
        if matches.get(row.index) is not row and free.get(row.hash):
            matches[free[row.hash].pop(0)] = row
    return matches


def _article(corpus: str, entry: StandoffArticle, rows: Sequence[tuple[str, StandoffLabel]]) -> AnnotatedArticle:
    name = f"{corpus}/{entry.doc}"
    text, placed = place_sentences(name, [text for text, _ in rows])
    labeled = tuple(
        LabeledSentence(sentence, row.label, row.votes, row.inherited) for sentence, (_, row) in zip(placed, rows, strict=True)
    )
    article = Article(name, text, outlet=entry.outlet)
    return AnnotatedArticle(article, f"{corpus}/{entry.event}", entry.kind, labeled, entry.topic, entry.split)
