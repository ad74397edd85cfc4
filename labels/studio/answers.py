"""Annotators' answers → votes in the corpus: `merge_tasks(corpus, tasks, scheme)` → the corpus, and what was left out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from labels.annotations import AnnotatedArticle, Annotation, LabeledSentence, Span, adjudicate
from labels.annotations.corpus import ADJUDICATOR
from labels.articles import Sentence
from labels.scheme import LabelScheme
from labels.studio.tasks import read_article
from labels.studio.views import LABEL, SPAN


@dataclass(frozen=True, slots=True)
class Answer:
    """One annotator's label for one sentence of a task's article.

    Attributes:
        index: of the sentence in the article.
        time: when the answer was last changed, in ISO format.
    """

    index: int
    vote: Annotation
    spans: tuple[Span, ...]
    time: str


def read_answers(task: Mapping[str, Any], sentences: Sequence[Sentence], scheme: LabelScheme) -> tuple[list[Answer], list[str]]:
    """Return the answers to a task, oldest first, and a message for each answer that was left out.

    Skipped tasks have no answer; of several answers of one annotator the last counts.
    """
    answers: list[Answer] = []
    faults: list[str] = []
    annotations = sorted(task.get("annotations") or (), key=_time)
    latest = {_annotator(annotation, task["data"]): annotation for annotation in annotations}
    for annotator, annotation in sorted(latest.items(), key=lambda item: _time(item[1])):
        if annotation.get("was_cancelled"):
            continue
        place = f"task {task.get('id')}, {annotator}"
        try:
            labelled = list(_labelled(annotation, task["data"], sentences))
            spans = {sentence.index: tuple(_spans(annotation, sentence)) for sentence, _, _ in labelled}
        except (KeyError, TypeError, ValueError, IndexError) as error:
            faults.append(f"{place}: an answer of another form, left out ({type(error).__name__}: {error})")
            continue
        for sentence, label, origin in labelled:
            if label not in scheme.names:
                faults.append(f"{place}: unknown label {label!r}, left out; the scheme has {', '.join(scheme.names)}")
                continue
            lead_time = annotation.get("lead_time")
            seconds = round(lead_time / len(labelled), 2) if lead_time is not None else None
            vote = Annotation(annotator, "person", label, seconds=seconds, origin=origin)
            answers.append(Answer(sentence.index, vote, spans[sentence.index], _time(annotation)))
    return answers, faults


def merge_tasks(
    corpus: Sequence[AnnotatedArticle], tasks: Sequence[Mapping[str, Any]], scheme: LabelScheme
) -> tuple[list[AnnotatedArticle], list[str]]:
    """Return the corpus with the answers of all tasks as votes, and a message for each task or answer that was left out.

    Votes of earlier merges are replaced, so an answer that was changed or deleted on the server is changed or deleted here,
    too; all other votes stay. `adjudicate` makes the label of a sentence that has votes. Articles without any label or vote are
    left out, and so are reviews of articles that are not in the corpus: a project for review may hold articles of several.
    """
    articles = {a.article.id: replace(a, sentences=tuple(map(_without_answers, a.sentences))) for a in corpus}
    answers: dict[tuple[str, int], list[Answer]] = {}  # by id of the article and index of the sentence
    faults: list[str] = []
    for task in sorted(tasks, key=_is_review):
        try:
            article, sentences, event = read_article(task["data"])
            task_answers, answer_faults = read_answers(task, sentences, scheme)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            faults.append(f"task {task.get('id')}: was not pushed from here, left out ({type(error).__name__}: {error})")
            continue
        faults += answer_faults
        if _is_review(task) and article.id not in articles:
            continue
        new = AnnotatedArticle(article, event, "", tuple(LabeledSentence(sentence, None) for sentence in sentences))
        annotated = articles.setdefault(article.id, new)
        if [s.sentence for s in annotated.sentences] != sentences or annotated.article.text != article.text:
            faults.append(
                f"task {task['id']}: article {article.id!r} has other words in the corpus, left out; push it under another name"
            )
            continue
        for answer in task_answers:
            answers.setdefault((article.id, answer.index), []).append(answer)
    merged = [
        replace(a, sentences=tuple(_with_answers(s, answers.get((name, s.sentence.index), [])) for s in a.sentences))
        for name, a in articles.items()
    ]
    return [a for a in merged if any(s.label or s.votes for s in a.sentences)], faults


def _time(annotation: Mapping[str, Any]) -> str:
    return str(annotation.get("updated_at") or annotation.get("created_at") or "")


def _annotator(annotation: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    """Return the annotator's pseudonym, made of the user's number; whoever answers a review is the adjudicator."""
    if data.get("review"):
        return ADJUDICATOR
    user = annotation.get("completed_by")
    return f"annotator-{user['id'] if isinstance(user, Mapping) else user}"


def _is_review(task: Mapping[str, Any]) -> bool:
    return bool((task.get("data") or {}).get("review"))


def _labelled(
    annotation: Mapping[str, Any], data: Mapping[str, Any], sentences: Sequence[Sentence]
) -> Iterator[tuple[Sentence, str, str]]:
    """Yield (sentence, label, origin): for a choice its sentence, for a marked part each sentence that lies mostly in it."""
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
    """Yield the marked spans of a task of one sentence, with offsets in the article."""
    for result in annotation["result"]:
        if result.get("from_name") == SPAN:
            value = result["value"]
            yield Span(sentence.start + int(value["start"]), sentence.start + int(value["end"]), str(value["labels"][0]))


def _without_answers(labeled: LabeledSentence) -> LabeledSentence:
    """Return the sentence without the votes of earlier merges: those have an `origin`."""
    votes = tuple(vote for vote in labeled.votes if not vote.origin)
    if len(votes) == len(labeled.votes):
        return labeled
    return replace(labeled, votes=votes, label=adjudicate(votes), spans=labeled.spans if votes else ())


def _with_answers(labeled: LabeledSentence, answers: Sequence[Answer]) -> LabeledSentence:
    """Return the sentence with the latest answer of each annotator added; a label without votes counts as a vote."""
    if not answers:
        return labeled
    latest = {answer.vote.annotator: answer for answer in sorted(answers, key=lambda answer: answer.time)}
    old_votes = labeled.votes
    if not old_votes and labeled.label:
        old_votes = (Annotation("earlier", "person", labeled.label),)
    votes = (*old_votes, *(answer.vote for answer in latest.values()))
    spans = dict.fromkeys((*labeled.spans, *(span for answer in latest.values() for span in answer.spans)))
    label = adjudicate(votes)
    inherited = labeled.inherited and label == labeled.label
    return replace(labeled, votes=votes, label=label, inherited=inherited, spans=tuple(spans))
