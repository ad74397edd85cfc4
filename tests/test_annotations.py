import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from labels.annotations import AnnotatedArticle, Annotation, adjudicate, read_corpus, write_corpus
from labels.annotations import corpus as corpora
from labels.errors import AnnotationError
from labels.files import write_whole
from labels.scheme import LabelScheme


def test_a_corpus_survives_writing_and_reading(corpus: list[AnnotatedArticle], scheme: LabelScheme, tmp_path: Path):
    write_corpus(tmp_path, corpus[:5])
    assert read_corpus(tmp_path, scheme) == corpus[:5]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": "opinion"}, "sentences.jsonl:2: unknown label 'opinion'; the scheme has fact, quoted_claim"),
        ({"votes": [{"annotator": "a", "kind": "person", "label": "x"}]}, "sentences.jsonl:2: unknown label 'x'"),
        ({"votes": [{"annotator": "a"}]}, "sentences.jsonl:2: a vote needs annotator, kind and label"),
        ({"start": 3}, "sentences.jsonl:2: offsets 3-"),
        ({"end": 999_999}, "do not give the sentence's text"),
        ({"start": -5}, "do not give the sentence's text"),
        ({"start": "0"}, "sentences.jsonl:2: needs 'start', a whole number (got '0')"),
        ({"article": "nowhere"}, "sentences.jsonl:2: no article 'nowhere'"),
        ({"index": 5}, "index 5 of article"),
    ],
)
def test_a_broken_line_stops_with_file_and_line(
    corpus: list[AnnotatedArticle], scheme: LabelScheme, tmp_path: Path, change: dict[str, Any], message: str
):
    write_corpus(tmp_path, corpus[:1])
    path = tmp_path / "sentences.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows[1] |= change
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    with pytest.raises(AnnotationError) as caught:
        read_corpus(tmp_path, scheme)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_folder_without_a_corpus_is_named(scheme: LabelScheme, tmp_path: Path):
    with pytest.raises(AnnotationError, match=r"articles\.jsonl: no such file"):
        read_corpus(tmp_path, scheme)


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_corpus_whose_writing_is_cut_short_is_as_it_was_or_as_it_will_be(
    corpus: list[AnnotatedArticle], scheme: LabelScheme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
):
    before, after = corpus[:4], [replace(corpus[1], topic="new"), *corpus[3:6]]
    write_corpus(tmp_path, before)
    writes: list[Path] = []

    def killed(path: Path, content: str) -> None:
        writes.append(path)
        if len(writes) == step:
            raise KeyboardInterrupt
        write_whole(path, content)

    monkeypatch.setattr(corpora, "write_whole", killed)
    with pytest.raises(KeyboardInterrupt):
        write_corpus(tmp_path, after)
    found = {a.article.id: a.sentences for a in read_corpus(tmp_path, scheme)}
    assert found in [{a.article.id: a.sentences for a in state} for state in (before, after)]


def test_adjudication_is_by_majority():
    votes = [Annotation(name, "person", label) for name, label in (("a", "fact"), ("b", "fact"), ("c", "skip"))]
    assert adjudicate(votes) == "fact"
    assert adjudicate(votes[1:]) is None
    assert adjudicate([]) is None
    assert adjudicate([Annotation("adjudicator", "person", "skip"), *votes]) == "skip"
