"""What annotators see in Label Studio and what their answers mean; no server is needed here.

`sentence_view(scheme)`, `article_view(scheme)`        labelling screens, derived from the scheme
`sentence_tasks(article, ...)`, `article_task(...)`    the data of tasks
`merge_tasks(corpus, tasks, scheme)`                   exported tasks and a corpus → the corpus, and what was wrong
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

from labels.annotations import ADJUDICATOR, AnnotatedArticle, Annotation, LabeledSentence, Span, adjudicate
from labels.articles import Article, Sentence
from labels.errors import AnnotationError
from labels.scheme import LabelScheme
from labels.standoff import sentence_hash

LABEL, SPAN, TEXT = "label", "span", "text"  # names in the labelling screens
SPAN_TYPES = {"source": ("q", "#7c3aed"), "loaded_word": ("w", "#dc2626")}
NEIGHBOURS = 2  # sentences shown before and after
META = ("title", "outlet", "url", "published")

_SENTENCE_VIEW = """\
<View className="voice">
  <Style>
    .voice { max-width: 860px; margin: 0 auto; padding-bottom: 24px; }
    .voice-around { opacity: .6; }
    .voice-sentence { border-left: 4px solid #2563eb; background: #eff4ff; padding: 10px 14px; margin: 10px 0;
                      font-size: 19px; line-height: 1.55; }
    .voice-sentence * { color: #111; }
  </Style>
  <Header value="$headline" size="5"/>
  <View className="voice-around"><Text name="before" value="$before" selectionEnabled="false"/></View>
  <View className="voice-sentence"><Text name="text" value="$text" granularity="word"/></View>
  <View className="voice-around"><Text name="after" value="$after" selectionEnabled="false"/></View>
  <Choices name="label" toName="text" choice="single-radio" required="true"
           requiredMessage="Choose one label for the marked sentence">
CHOICES
  </Choices>
  <Labels name="span" toName="text" showInline="true" opacity="0.4">
SPANS
  </Labels>
  <Collapse bordered="false"><Panel value="Whole article"><Text name="article" value="$article_text"
    selectionEnabled="false"/></Panel></Collapse>
</View>
"""
_ARTICLE_VIEW = """\
<View>
  <Header value="$headline" size="5"/>
  <Labels name="label" toName="text" showInline="true">
LABELS
  </Labels>
  <Text name="text" value="$text" granularity="sentence"/>
</View>
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """One annotator's label for one sentence of a task's article, and when it was given."""

    index: int
    vote: Annotation
    spans: tuple[Span, ...]
    given: str


def sentence_view(scheme: LabelScheme) -> str:
    """Return the screen for one sentence a task: a key labels, Ctrl+Enter submits."""
    choices = []
    for label in scheme.labels:
        title, definition = escape(label.title), escape(label.definition)
        shown = f'<b style="color:{label.colour}">{title}</b> <span style="font-weight:400">{definition}</span>'
        choices.append(
            f"    <Choice value={quoteattr(label.name)} hotkey={quoteattr(label.hotkey)} "
            f"hint={quoteattr(' / '.join(label.examples))} html={quoteattr(shown)}/>"
        )
    spans = [
        f'    <Label value="{name}" hotkey="{hotkey}" background="{colour}"/>' for name, (hotkey, colour) in SPAN_TYPES.items()
    ]
    return _SENTENCE_VIEW.replace("CHOICES", "\n".join(choices)).replace("SPANS", "\n".join(spans))


def article_view(scheme: LabelScheme) -> str:
    """Return the screen for a whole article, its sentences marked in the colours of their labels."""
    labels = [
        f"    <Label value={quoteattr(label.name)} hotkey={quoteattr(label.hotkey)} background={quoteattr(label.colour)} "
        f"hint={quoteattr(label.definition)}/>"
        for label in scheme.labels
    ]
    return _ARTICLE_VIEW.replace("LABELS", "\n".join(labels))


def check_view(view: str, scheme: LabelScheme, project: str) -> None:
    """Raise AnnotationError if a project's screen does not offer exactly the scheme's labels."""
    control = ElementTree.fromstring(view).find(f".//*[@name='{LABEL}']")
    offered = [] if control is None else [str(choice.get("value")) for choice in control]
    if set(offered) != set(scheme.names):
        raise AnnotationError(
            f"project {project!r}: its labelling interface offers {', '.join(offered) or 'no labels'}, the scheme has "
            f"{', '.join(scheme.names)}; mend it in the project's settings, or create a new project"
        )


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
    return Article(name, text, **{key: data.get(key) for key in META}), sentences, str(data.get("event") or name)


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
    } | {key: getattr(article, key) for key in META}


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
