"""Articles → tasks of Label Studio, and a task's data → its article; this needs no server.

`sentence_tasks(article, ...)`    the data of a task for each sentence
`article_task(article, ...)`      the data of one task for the article
`read_article(data)`              the article, from the data of any of its tasks
`suggestion(data, ...)`           a model's labels in the form that a task shows
"""

from collections.abc import Mapping, Sequence
from typing import Any

from labels.annotations.standoff import sentence_hash
from labels.articles import METADATA, Article, Sentence, metadata
from labels.studio.views import LABEL, TEXT

NEIGHBOURS = 2  # sentences shown before and after


def sentence_tasks(
    article: Article, sentences: Sequence[Sentence], event: str = "", notes: Mapping[int, str] | None = None
) -> list[dict[str, Any]]:
    """Return the data of a task for each sentence; each holds the whole article, so that `read_article` can return it.

    Args:
        event: name of the story; the article's id if empty.
        notes: {sentence index: note for the reviewer}; then only these sentences get tasks, and the answers count as an
            adjudicator's.
    """
    shared = _shared(article, sentences, event)
    texts = [sentence.text for sentence in sentences]
    tasks = []
    for number, sentence in enumerate(sentences):
        if notes is not None and number not in notes:
            continue
        task = shared | {
            "uid": f"{article_uid(article)}:{sentence.start}-{sentence.end}",
            "index": number,
            "text": sentence.text,
            "before": " ".join(texts[max(0, number - NEIGHBOURS) : number]),
            "after": " ".join(texts[number + 1 : number + 1 + NEIGHBOURS]),
            "article_text": article.text,
        }
        if notes is not None:
            task |= {"review": True, "headline": f"{shared['headline']} · {notes[number]}"}
        tasks.append(task)
    return tasks


def article_task(article: Article, sentences: Sequence[Sentence], event: str = "") -> dict[str, Any]:
    """Return the data of one task for a whole article."""
    return _shared(article, sentences, event) | {"uid": article_uid(article), "text": article.text}


def article_uid(article: Article) -> str:
    """Return an id of an article and its text: an article of the same name with another text has another."""
    return f"{article.id}@{sentence_hash(article.text)}"


def sentence_result(label: str) -> list[dict[str, Any]]:
    """Return a label in the form of Label Studio, for the sentence view."""
    return [{"from_name": LABEL, "to_name": TEXT, "type": "choices", "value": {"choices": [label]}}]


def article_result(article: Article, labelled: Sequence[tuple[Sentence, str]]) -> list[dict[str, Any]]:
    """Return the labels of an article's sentences in the form of Label Studio, for the article view."""
    return [
        {
            "from_name": LABEL,
            "to_name": TEXT,
            "type": "labels",
            "value": {
                "start": sentence.start,
                "end": sentence.end,
                "text": article.text[sentence.start : sentence.end],
                "labels": [label],
            },
        }
        for sentence, label in labelled
    ]


def read_article(data: Mapping[str, Any]) -> tuple[Article, list[Sentence], str]:
    """Return the article in a task's data, its sentences and its event.

    Raises:
        KeyError, TypeError, ValueError: the task was not made by this module.
    """
    name = str(data["article"])
    text = str(data["article_text"] if "article_text" in data else data["text"])
    spans = [(int(start), int(end)) for start, end in data["sentences"]]
    sentences = [Sentence(name, index, start, end, text[start:end]) for index, (start, end) in enumerate(spans)]
    return Article(name, text, **{key: data.get(key) for key in METADATA}), sentences, str(data.get("event") or name)


def suggestion(data: Mapping[str, Any], labels: Sequence[str], scores: Sequence[float]) -> tuple[list[dict[str, Any]], float]:
    """Return (result, score), a prediction that suggests a model's labels in the task of that data.

    Args:
        labels, scores: of all sentences of the article, also if the task is of one sentence.
    """
    if "index" in data:
        return sentence_result(labels[data["index"]]), scores[data["index"]]
    article, sentences, _ = read_article(data)
    return article_result(article, list(zip(sentences, labels, strict=True))), min(scores)


def _shared(article: Article, sentences: Sequence[Sentence], event: str) -> dict[str, Any]:
    """Return the fields that all tasks of an article have."""
    headline = " · ".join(part for part in (article.title or article.id, article.outlet, article.published) if part)
    return {
        "article": article.id,
        "headline": headline,
        "event": event or article.id,
        "sentences": [[sentence.start, sentence.end] for sentence in sentences],
    } | metadata(article)
