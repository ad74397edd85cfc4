import json
import re
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from labels.annotations import Annotation, read_corpus, write_corpus
from labels.annotations.standoff import (
    StandoffArticle,
    StandoffLabel,
    attach,
    read_labels,
    read_texts,
    sentence_hash,
)
from labels.errors import AnnotationError
from labels.scheme import LabelScheme
from tests.conftest import Run

TEXTS = {-1: "Ferry talks collapse", 0: "Crews walked out on Monday.", 1: "They will return only if the fine is dropped."}
VOTES = (Annotation("first", "model", "fact"), Annotation("adjudicator", "model", "fact", "event"))


def labelled(doc: str = "d1", split: str = "train") -> StandoffArticle:
    labels = {-1: "fact", 0: "fact", 1: "condition"}
    rows = tuple(StandoffLabel(i, sentence_hash(t), labels[i], False, VOTES) for i, t in TEXTS.items())
    return StandoffArticle(doc, "Wire", "ferry", "wire", "labour", split, rows)


def as_text(article: StandoffArticle) -> str:
    """Return an article as a line of a file of labels."""
    row = asdict(article)
    for sentence in row["rows"]:
        sentence["votes"] = [{name: value for name, value in vote.items() if value} for vote in sentence["votes"]]
    return json.dumps(row) + "\n"


def test_labels_find_their_sentences(scheme: LabelScheme, tmp_path: Path):
    articles, faults = attach("made", [labelled()], {"d1": TEXTS})
    assert faults == []
    [article] = articles
    assert [(s.sentence.text, s.label) for s in article.sentences] == [
        (TEXTS[-1], "fact"), (TEXTS[0], "fact"), (TEXTS[1], "condition"),
    ]  # fmt: skip
    assert (article.event, article.split, article.article.outlet) == ("made/ferry", "train", "Wire")
    write_corpus(tmp_path, articles)
    assert read_corpus(tmp_path, scheme) == articles


def test_a_sentence_that_moved_keeps_its_label_and_one_that_changed_loses_it():
    moved = {0: TEXTS[-1], 5: TEXTS[1], 6: "Crews walked out on Tuesday."}
    articles, faults = attach("made", [labelled(), labelled("d2")], {"d1": moved})
    assert [(s.sentence.text, s.label) for s in articles[0].sentences] == [(TEXTS[-1], "fact"), (TEXTS[1], "condition")]
    assert faults == [
        "made d1: 1 of 3 sentences differ in these texts (index 0)",
        "made d2: not in these texts (3 labels unused)",
    ]


def test_repeated_sentences_each_keep_a_label_when_they_move():
    twice = {0: "Read more", 1: "Read more"}
    rows = tuple(StandoffLabel(i, sentence_hash(t), "skip", False, VOTES) for i, t in twice.items())
    entry = replace(labelled(), rows=rows)
    articles, faults = attach("made", [entry], {"d1": {3: "Read more", 7: "Read more"}})
    assert faults == []
    assert len(articles[0].sentences) == 2


def test_label_files_are_read(scheme: LabelScheme, tmp_path: Path):
    path = tmp_path / "made.jsonl"
    path.write_text(as_text(labelled()) + as_text(labelled("d2", "test")), encoding="utf-8")
    assert read_labels(path, scheme) == [labelled(), labelled("d2", "test")]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"split": "dev"}, "made.jsonl:1: split 'dev' is none of train, validation, test"),
        ({"doc": None, "rows": [{"index": 0}]}, "made.jsonl:1: a field is missing or of the wrong kind ('hash')"),
        ({"rows": [{"index": 0, "hash": "x", "label": "opinion"}]}, "made.jsonl:1: unknown label 'opinion'"),
    ],
)
def test_a_broken_label_file_names_file_and_line(scheme: LabelScheme, tmp_path: Path, change: dict[str, object], message: str):
    path = tmp_path / "made.jsonl"
    path.write_text(json.dumps(json.loads(as_text(labelled())) | change), encoding="utf-8")
    with pytest.raises(AnnotationError) as caught:
        read_labels(path, scheme)
    assert message in str(caught.value)


def test_the_shipped_labels_hold_no_words(scheme: LabelScheme):
    """Hashes, labels and places only: nothing of the articles themselves, under whatever name."""
    paths = sorted(Path("labels/corpus/real").glob("*.jsonl"))
    assert paths
    for path in paths:
        for line in path.read_text(encoding="utf-8").splitlines():
            article = json.loads(line)
            assert set(article) == {"doc", "outlet", "event", "kind", "topic", "split", "rows"}
            assert max(len(value) for value in article.values() if isinstance(value, str)) < 80
            for row in article["rows"]:
                assert set(row) == {"index", "hash", "label", "inherited", "votes"}
                assert re.fullmatch("[0-9a-f]{16}", row["hash"])
                assert row["label"] in scheme.names
                for vote in row["votes"]:
                    assert set(vote) <= {"annotator", "kind", "label", "reason"}
                    assert len(vote.get("reason", "").split()) <= 6


def test_attaching_by_command(run: Run, tmp_path: Path, scheme: LabelScheme):
    """The command on labels of record: texts that are not theirs are refused, and nothing is written."""
    [first, *_] = read_labels(Path("labels/corpus/real/wikinews.jsonl"), scheme)
    texts = tmp_path / "texts.jsonl"
    texts.write_text(json.dumps({"doc": first.doc, "index": 0, "text": "Not what was labelled."}) + "\n", encoding="utf-8")
    done = run("scripts.attach_corpus", "--corpus", "wikinews", "--from", str(texts), "--to", str(tmp_path))
    assert done.returncode == 2
    assert "no labelled sentence of wikinews stands in it" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "wikinews").exists()
    texts.write_text('{"doc": 3}\n', encoding="utf-8")
    done = run("scripts.attach_corpus", "--corpus", "wikinews", "--from", str(texts), "--to", str(tmp_path))
    assert done.returncode == 2
    assert 'texts.jsonl:1: needs "doc" (text), "index" (whole number) and "text"' in done.stderr


def test_texts_are_read_by_doc_and_index(tmp_path: Path):
    path = tmp_path / "t.jsonl"
    path.write_text('{"doc": "a", "index": 0, "text": "One.", "more": 1}\n{"doc": "a", "index": 1, "text": "Two."}\n')
    assert read_texts(path) == {"a": {0: "One.", 1: "Two."}}
