"""Labelling screens, tasks and answers, without a server."""

from dataclasses import replace
from typing import Any

import pytest

from labels.annotations import AnnotatedArticle, Annotation, LabeledSentence
from labels.articles import Article, read_articles, split
from labels.errors import AnnotationError
from labels.scheme import LabelScheme, load_scheme
from labels.studio.answers import merge_tasks
from labels.studio.tasks import article_result, article_task, read_article, sentence_result, sentence_tasks, suggestion
from labels.studio.views import article_view, check_view, sentence_view
from tests.conftest import ROOT

TEXT = "The line closed on Monday.\n“It was not safe,” the mayor said.\nThe owners want a refund first."
ARTICLE = Article("line", TEXT, outlet="The Post")


def answered(data: dict[str, Any], *answers: tuple[int, str], number: int = 1, **more: Any) -> dict[str, Any]:
    """Return an exported task with an annotation for each (annotator, label)."""
    annotations = [
        {"completed_by": who, "result": sentence_result(label), "lead_time": 2.5, "updated_at": f"2026-01-01T00:00:0{place}Z"}
        | more
        for place, (who, label) in enumerate(answers)
    ]
    return {"id": number, "data": data, "annotations": annotations}


@pytest.fixture
def tasks() -> list[dict[str, Any]]:
    return sentence_tasks(ARTICLE, split(ARTICLE), "the closure")


def test_label_studio_itself_takes_the_screens(scheme: LabelScheme, tasks: list[dict[str, Any]]):
    from label_studio_sdk.label_interface import LabelInterface

    for view, data in ((sentence_view(scheme), tasks[0]), (article_view(scheme), article_task(ARTICLE, split(ARTICLE)))):
        interface = LabelInterface(view)
        interface.validate()
        assert set(interface.get_control("label").labels) == set(scheme.names)
        assert interface.validate_task({"data": data})
        check_view(view, scheme, "p")
    keys = [label.hotkey for label in scheme.labels]
    assert all(f'hotkey="{key}"' in sentence_view(scheme) for key in [*keys, "q", "w"])


def test_any_task_gives_the_article_back():
    for article in read_articles([str(ROOT / "labels/samples")]):
        sentences = split(article)
        for data in [*sentence_tasks(article, sentences, "tunnel"), article_task(article, sentences, "tunnel")]:
            assert read_article(data) == (article, sentences, "tunnel")
            assert "index" not in data or data["text"] == sentences[data["index"]].text
        assert len({data["uid"] for data in sentence_tasks(article, sentences)}) == len(sentences)
    other = replace(article, text=article.text + " ")
    assert article_task(other, sentences)["uid"] != article_task(article, sentences)["uid"]


def test_answers_become_votes_and_the_majority_the_label(scheme: LabelScheme, tasks: list[dict[str, Any]]):
    given = [answered(tasks[0], (1, "fact"), (2, "fact")), answered(tasks[1], (1, "quoted_claim"), (2, "fact"), number=2)]
    [article], faults = merge_tasks([], given, scheme)
    assert not faults
    assert (article.article, article.event, article.split) == (ARTICLE, "the closure", None)
    first, second, third = article.sentences
    assert first.votes == tuple(Annotation(f"annotator-{n}", "person", "fact", seconds=2.5, origin="manual") for n in (1, 2))
    assert (first.label, second.label, third.label, third.votes) == ("fact", None, None, ())
    review = sentence_tasks(ARTICLE, split(ARTICLE), notes={1: "annotator-1: quoted_claim, annotator-2: fact"})
    assert [data["index"] for data in review] == [1]
    assert "annotator-2: fact" in review[0]["headline"]
    [article], _ = merge_tasks([article], [*given, answered(review[0], (3, "quoted_claim"), number=3)], scheme)
    assert article.sentences[1].label == "quoted_claim"
    assert "adjudicator" in {vote.annotator for vote in article.sentences[1].votes}


def test_what_was_skipped_changed_or_deleted_counts_as_it_stands(scheme: LabelScheme, tasks: list[dict[str, Any]]):
    task = answered(tasks[0], (1, "fact"), (2, "skip"), (1, "condition"))  # annotator 1 answered twice
    task["annotations"][1]["was_cancelled"] = True
    [article], _ = merge_tasks([], [task], scheme)
    assert [(v.annotator, v.label) for v in article.sentences[0].votes] == [("annotator-1", "condition")]
    task["annotations"] = []
    assert merge_tasks([article], [task], scheme) == ([], [])


def test_an_unknown_label_is_named_and_stops_nothing_else(scheme: LabelScheme, tasks: list[dict[str, Any]]):
    given = [answered(tasks[0], (1, "fact"), (2, "opinion"), (3, "skip"), number=7), {"id": 8, "data": {"text": "not ours"}}]
    given[0]["annotations"][2]["result"][0]["value"] = {"choices": []}
    [article], faults = merge_tasks([], given, scheme)
    assert article.sentences[0].label == "fact"
    assert faults.pop(1).startswith("task 7, annotator-3: an answer of another form, left out")
    assert faults[0].startswith("task 7, annotator-2: unknown label 'opinion', left out; the scheme has fact, quoted_claim")
    assert faults[1].startswith("task 8: was not pushed from here")


def test_answers_on_a_corpus_leave_its_own_votes_alone(scheme: LabelScheme, tasks: list[dict[str, Any]]):
    own = (Annotation("a", "model", "fact"), Annotation("b", "model", "fact"))
    sentences = tuple(LabeledSentence(s, "fact", own if s.index == 0 else ()) for s in split(ARTICLE))
    corpus = [AnnotatedArticle(ARTICLE, "e", "wire", sentences, "trains", "test")]
    review = sentence_tasks(ARTICLE, split(ARTICLE), notes={0: "", 1: ""})
    answers = [answered(review[0], (1, "condition")), answered(review[1], (1, "quoted_claim"), number=2)]
    [changed], _ = merge_tasks(corpus, answers, scheme)
    assert [s.label for s in changed.sentences] == ["condition", "quoted_claim", "fact"]
    assert changed.sentences[0].votes[:2] == own
    assert (changed.kind, changed.topic, changed.split) == ("wire", "trains", "test")
    again, _ = merge_tasks([changed], answers, scheme)
    assert again == [changed]
    [before], _ = merge_tasks([changed], [], scheme)
    assert [s.label for s in before.sentences] == ["fact"] * 3
    assert merge_tasks([], answers, scheme) == ([], [])  # a review brings no article of another corpus
    other = [AnnotatedArticle(replace(ARTICLE, text=TEXT.upper()), "e", "", corpus[0].sentences)]
    kept, faults = merge_tasks(other, answers, scheme)
    assert kept == other
    assert "has other words in the corpus" in faults[0]


def test_the_article_view_gives_the_label_of_what_was_marked(scheme: LabelScheme):
    sentences = split(ARTICLE)
    data = article_task(ARTICLE, sentences)
    marked = article_result(ARTICLE, [(sentences[0], "fact"), (sentences[2], "condition")])
    marked[0]["value"]["start"] += 2  # a sloppy selection
    task = {"id": 1, "data": data, "annotations": [{"completed_by": {"id": 4}, "result": marked, "updated_at": "1"}]}
    [article], faults = merge_tasks([], [task], scheme)
    assert not faults
    assert [s.label for s in article.sentences] == ["fact", None, "condition"]
    result, score = suggestion(data, ["fact", "quoted_claim", "condition"], [0.9, 0.5, 0.8])
    assert [r["value"]["text"] for r in result] == [s.text for s in sentences]
    assert score == 0.5


def test_spans_lie_in_the_article(scheme: LabelScheme, tasks: list[dict[str, Any]]):
    task = answered(tasks[1], (1, "quoted_claim"))
    mark = {"from_name": "span", "to_name": "text", "type": "labels", "value": {"start": 19, "end": 28, "labels": ["source"]}}
    task["annotations"][0]["result"].append(mark)
    [article], _ = merge_tasks([], [task], scheme)
    [span] = article.sentences[1].spans
    assert (TEXT[span.start : span.end], span.type) == ("the mayor", "source")


def test_a_screen_with_other_labels_is_refused(scheme: LabelScheme, tmp_path: Any):
    with pytest.raises(AnnotationError, match=r"offers Fact, quoted_claim, .*create a new project"):
        check_view(sentence_view(scheme).replace('value="fact"', 'value="Fact"'), scheme, "p")
    path = tmp_path / "s.yaml"
    path.write_text("labels: [{name: a & b, definition: '<i>\"x\"</i>'}, {name: c}]", encoding="utf-8")
    check_view(sentence_view(load_scheme(path)), load_scheme(path), "p")
    check_view(article_view(load_scheme(path)), load_scheme(path), "p")
