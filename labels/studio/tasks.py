"""Articles → tasks of Label Studio, and a task's data → its article; no server is needed here.

`sentence_tasks(article, ...)`, `article_task(...)`    the data of tasks
`suggestion(data, ...)`                                a model's labels as a task shows them
"""

from collections.abc import Mapping, Sequence
from typing import Any

from labels.annotations.standoff import sentence_hash
from labels.articles.article import METADATA, Article, Sentence, metadata
from labels.studio.views import LABEL, TEXT

NEIGHBOURS = 2  # sentences shown before and after


def sentence_tasks(
    article: Article, sentences: Sequence[Sentence], event: str = "", notes: Mapping[int, str] | None = None
) -> list[dict[str, Any]]:
    """Return the data of a task for each sentence; any one of them holds what is needed to read the article back.

    With `notes`, {sentence index: what the reviewer should know}, only these sentences, and answers count as an adjudicator's.
    """
    shared, texts = _shared(article, sentences, event), [sentence.text for sentence in sentences]
    tasks = []
    for number, sentence in enumerate(sentences):
        if notes is not None and number not in notes:
            continue
        own = {
            "uid": f"{article_uid(article)}:{sentence.start}-{sentence.end}",
            "index": number,
            "text": sentence.text,
            "before": " ".join(texts[max(0, number - NEIGHBOURS) : number]),
            "after": " ".join(texts[number + 1 : number + 1 + NEIGHBOURS]),
            "article_text": article.text,
        }
        if notes is not None:
            own |= {"review": True, "headline": f"{shared['headline']} · {notes[number]}"}
        tasks.append(shared | own)
    return tasks


def article_task(article: Article, sentences: Sequence[Sentence], event: str = "") -> dict[str, Any]:
    """Return the data of one task for a whole article."""
    return _shared(article, sentences, event) | {"uid": article_uid(article), "text": article.text}


def article_uid(article: Article) -> str:
    """Return what tells an article from others of its name."""
    return f"{article.id}@{sentence_hash(article.text)}"


def sentence_result(label: str) -> list[dict[str, Any]]:
    """Return a label as Label Studio writes it for the sentence view."""
    return [{"from_name": LABEL, "to_name": TEXT, "type": "choices", "value": {"choices": [label]}}]


def article_result(article: Article, labelled: Sequence[tuple[Sentence, str]]) -> list[dict[str, Any]]:
    """Return the labels of an article's sentences as Label Studio writes them for the article view."""
    return [
        {
            "from_name": LABEL,
            "to_name": TEXT,
            "type": "labels",
            "value": {"start": s.start, "end": s.end, "text": article.text[s.start : s.end], "labels": [label]},
        }
        for s, label in labelled
    ]


def read_article(data: Mapping[str, Any]) -> tuple[Article, list[Sentence], str]:
    """Return the article that a task's data is of, its sentences and its event.

    Raises:
        KeyError, TypeError, ValueError: the task is none of ours.
    """
    name, text = str(data["article"]), str(data["article_text"] if "article_text" in data else data["text"])
    sentences = [Sentence(name, i, int(s), int(e), text[int(s) : int(e)]) for i, (s, e) in enumerate(data["sentences"])]
    return Article(name, text, **{key: data.get(key) for key in METADATA}), sentences, str(data.get("event") or name)


def suggestion(data: Mapping[str, Any], labels: Sequence[str], scores: Sequence[float]) -> tuple[list[dict[str, Any]], float]:
    """Return (result, score) that suggests a model's labels, one for each sentence of the article, in a task with that data."""
    if "index" in data:
        return sentence_result(labels[data["index"]]), scores[data["index"]]
    article, sentences, _ = read_article(data)
    return article_result(article, list(zip(sentences, labels, strict=True))), min(scores)


def _shared(article: Article, sentences: Sequence[Sentence], event: str) -> dict[str, Any]:
    headline = " · ".join(part for part in (article.title or article.id, article.outlet, article.published) if part)
    return {
        "article": article.id,
        "headline": headline,
        "event": event or article.id,
        "sentences": [[s.start, s.end] for s in sentences],
    } | metadata(article)
