"""Answers of annotators → the corpus: `merge_tasks(corpus, tasks, scheme)` → the corpus, and what was left out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from labels.annotations.corpus import ADJUDICATOR, AnnotatedArticle, Annotation, LabeledSentence, Span, adjudicate
from labels.articles.article import Sentence
from labels.scheme import LabelScheme
from labels.studio.tasks import read_article
from labels.studio.views import LABEL, SPAN


@dataclass(frozen=True, slots=True)
class Answer:
    """One annotator's label for one sentence of a task's article, and when it was given."""

    index: int
    vote: Annotation
    spans: tuple[Span, ...]
    given: str


def read_answers(task: Mapping[str, Any], sentences: Sequence[Sentence], scheme: LabelScheme) -> tuple[list[Answer], list[str]]:
    """Return what annotators said of a task's article, oldest first, and a line for each answer that means nothing here.

    Skipped answers are none; of several answers of one annotator the last counts.
    """
    answers: list[Answer] = []
    faults: list[str] = []
    latest = {_annotator(a, task["data"]): a for a in sorted(task.get("annotations") or (), key=_given)}
    for who, annotation in sorted(latest.items(), key=lambda item: _given(item[1])):
        if annotation.get("was_cancelled"):
            continue
        try:
            said = list(_labelled(annotation, task["data"], sentences))
            spans = {sentence.index: tuple(_spans(annotation, sentence)) for sentence, _, _ in said}
        except (KeyError, TypeError, ValueError, IndexError) as error:
            faults.append(f"task {task['id']}, {who}: an answer of another form, left out ({type(error).__name__}: {error})")
            continue
        for sentence, label, origin in said:
            if label not in scheme.names:
                known = ", ".join(scheme.names)
                faults.append(f"task {task['id']}, {who}: unknown label {label!r}, left out; the scheme has {known}")
                continue
            seconds = annotation.get("lead_time")
            spent = round(seconds / len(said), 2) if seconds is not None else None
            vote = Annotation(who, "person", label, seconds=spent, origin=origin)
            answers.append(Answer(sentence.index, vote, spans[sentence.index], _given(annotation)))
    return answers, faults


def merge_tasks(
    corpus: Sequence[AnnotatedArticle], tasks: Sequence[Mapping[str, Any]], scheme: LabelScheme
) -> tuple[list[AnnotatedArticle], list[str]]:
    """Return the corpus with all the tasks' answers in it, and a line for each task or answer that was left out.

    Votes that came from tasks before go, so what was deleted or changed on the server is so here too; all other votes stay.
    A sentence with votes has the label they come to (`adjudicate`), or none. Articles nobody has spoken about are left out, and
    so are reviews of articles that the corpus has not: a project for review may hold articles of several corpora.
    """
    articles = {a.article.id: replace(a, sentences=tuple(map(_without_answers, a.sentences))) for a in corpus}
    given: dict[tuple[str, int], list[Answer]] = {}
    faults: list[str] = []
    for task in sorted(tasks, key=_is_review):
        try:
            article, sentences, event = read_article(task["data"])
            answers, wrong = read_answers(task, sentences, scheme)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            faults.append(f"task {task.get('id')}: was not pushed from here, left out ({type(error).__name__}: {error})")
            continue
        faults += wrong
        fresh = AnnotatedArticle(article, event, "", tuple(LabeledSentence(s, None) for s in sentences))
        if _is_review(task) and article.id not in articles:
            continue
        known = articles.setdefault(article.id, fresh)
        if [s.sentence for s in known.sentences] != sentences or known.article.text != article.text:
            faults.append(
                f"task {task['id']}: article {article.id!r} has other words in the corpus, left out; push it by another name"
            )
            continue
        for answer in answers:
            given.setdefault((article.id, answer.index), []).append(answer)
    merged = [
        replace(a, sentences=tuple(_with_answers(s, given.get((name, s.sentence.index), [])) for s in a.sentences))
        for name, a in articles.items()
    ]
    return [a for a in merged if any(s.label or s.votes for s in a.sentences)], faults


def _given(annotation: Mapping[str, Any]) -> str:
    return str(annotation.get("updated_at") or annotation.get("created_at") or "")


def _annotator(annotation: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    """Return a pseudonym, the number of the user, or the adjudicator of a review."""
    if data.get("review"):
        return ADJUDICATOR
    by = annotation.get("completed_by")
    return f"annotator-{by['id'] if isinstance(by, Mapping) else by}"


def _is_review(task: Mapping[str, Any]) -> bool:
    return bool((task.get("data") or {}).get("review"))


def _labelled(
    annotation: Mapping[str, Any], data: Mapping[str, Any], sentences: Sequence[Sentence]
) -> Iterator[tuple[Sentence, str, str]]:
    """Yield (sentence, label, origin) for a choice, or for each sentence of which more than half lies in a labelled stretch."""
    for result in annotation["result"]:
        if result.get("from_name") != LABEL:
            continue
        value, origin = result["value"], str(result.get("origin") or "manual")
        if origin == "manual" and annotation.get("parent_prediction"):
            origin = "prediction-changed"  # a suggestion was shown, and another label chosen
        if "choices" in value:
            yield sentences[int(data["index"])], str(value["choices"][0]), origin
            continue
        for sentence in sentences:
            shared = min(sentence.end, int(value["end"])) - max(sentence.start, int(value["start"]))
            if shared * 2 > sentence.end - sentence.start:
                yield sentence, str(value["labels"][0]), origin


def _spans(annotation: Mapping[str, Any], sentence: Sentence) -> Iterator[Span]:
    for result in annotation["result"]:
        if result.get("from_name") == SPAN:
            value = result["value"]
            yield Span(sentence.start + int(value["start"]), sentence.start + int(value["end"]), str(value["labels"][0]))


def _without_answers(labeled: LabeledSentence) -> LabeledSentence:
    """Return the sentence as it was before anybody answered; an `origin` marks a vote as an answer."""
    votes = tuple(vote for vote in labeled.votes if not vote.origin)
    if len(votes) == len(labeled.votes):
        return labeled
    return replace(labeled, votes=votes, label=adjudicate(votes), spans=labeled.spans if votes else ())


def _with_answers(labeled: LabeledSentence, answers: Sequence[Answer]) -> LabeledSentence:
    if not answers:
        return labeled
    by_annotator = {answer.vote.annotator: answer for answer in sorted(answers, key=lambda answer: answer.given)}
    before = labeled.votes or ((Annotation("earlier", "person", labeled.label),) if labeled.label else ())
    votes = (*before, *(answer.vote for answer in by_annotator.values()))
    spans = dict.fromkeys((*labeled.spans, *(span for answer in by_annotator.values() for span in answer.spans)))
    label = adjudicate(votes)
    return replace(
        labeled, votes=votes, label=label, inherited=labeled.inherited and label == labeled.label, spans=tuple(spans)
    )
