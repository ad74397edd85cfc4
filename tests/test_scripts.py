"""The scripts on the tests' small corpus and encoder."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import f1_score

from labels.annotations import AnnotatedArticle, read_corpus
from labels.annotations.standoff import sentence_hash
from labels.scheme import LabelScheme
from models import Tagger
from scripts import tables
from scripts.bench import external, next_batch, peers
from tests.conftest import ROOT, Run
from train.active import choose
from train.config import load_config
from train.data import load_splits
from train.learning_curve import _part


def test_label_errors_are_listed_worst_first(run: Run, tiny_config: Path, small_corpus: Path, scheme: LabelScheme):
    done = run("scripts.find_label_errors", str(tiny_config), "training.num_train_epochs=1", "--folds", "2")
    assert done.returncode == 0, done.stderr
    test = set(load_splits(load_config(tiny_config).data, scheme)["test"]["event"])
    sentences = {
        (a.article.id, sentence_hash(s.sentence.text)): s
        for a in read_corpus(small_corpus, scheme)
        if a.event not in test
        for s in a.sentences
    }
    assert test
    assert f"of {len(sentences)} sentences to read again" in done.stdout
    [path] = tiny_config.parent.glob("*-label-errors.tsv")
    header, *rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    assert header == ["article", "hash", "label", "model", "quality", "text"]
    assert rows
    for article, digest, label, model, _, text in rows:
        suspect = sentences[article, digest]
        assert (suspect.label, " ".join(suspect.sentence.text.split())) == (label, text)
        assert model in scheme.names
        assert model != label
    quality = [float(row[4]) for row in rows]
    assert quality == sorted(quality)


def test_smaller_parts_of_the_training_events_lie_in_larger_ones(small_corpus: Path, scheme: LabelScheme):
    articles = read_corpus(small_corpus, scheme)
    parts = [{a.event for a in _part(articles, share, 13)} for share in (0.2, 0.5, 1.0)]
    assert [len(part) for part in parts] == [2, 5, 10]
    assert parts[0] < parts[1] < parts[2]


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Results of the scripts go to a folder of their own."""
    monkeypatch.setattr(tables, "MEASURED", tmp_path)
    monkeypatch.setattr(peers, "PATH", tmp_path / "peers.json")
    monkeypatch.setattr(external, "PATH", tmp_path / "external.json")
    return tmp_path


def test_peers_are_scored_on_the_sentences_and_by_the_rules_of_the_model(
    artifact: Path, tiny_config: Path, measured: Path, capsys: pytest.CaptureFixture[str]
):
    config = load_config(tiny_config)
    assert peers.compare_peers(config, ["ours", "frozen"]) == 0
    assert peers.compare_peers(config, ["tfidf", "quote_rules"]) == 0
    rows = json.loads((measured / "peers.json").read_text(encoding="utf-8"))["rows"]
    assert list(rows) == ["ours", "frozen", "tfidf", "quote_rules"]
    test = json.loads((artifact / "metrics.json").read_text(encoding="utf-8"))["test"]
    assert rows["ours"]["macro_f1"] == pytest.approx(test["macro_f1"], abs=1e-6)
    assert {row["n"] for row in rows.values()} == {test["n"]}
    assert rows["tfidf"]["macro_f1"] > test["baselines"]["majority"]["macro_f1"]
    assert list(rows["quote_rules"]["per_label"]) == ["quoted_claim"]
    assert "the same encoder, frozen" in capsys.readouterr().out
    other = config.model_copy(update={"seed": 99})
    assert peers.compare_peers(other, ["quote_rules"]) == 0
    assert list(json.loads((measured / "peers.json").read_text(encoding="utf-8"))["rows"]) == ["quote_rules"]


@pytest.mark.skipif(find_spec("fasttext") is not None, reason="fastText is installed here")
def test_a_peer_that_is_not_installed_is_left_out(tiny_config: Path, measured: Path, capsys: pytest.CaptureFixture[str]):
    assert peers.compare_peers(load_config(tiny_config), ["fasttext"]) == 0
    assert "fasttext left out: No module named 'fasttext'" in capsys.readouterr().err
    assert json.loads((measured / "peers.json").read_text(encoding="utf-8"))["rows"] == {}


def external_rows(corpus: list[AnnotatedArticle], path: Path, mark: Any) -> Path:
    rows = [{"doc": a.article.id, "text": s.sentence.text, "split": "dev"} | mark(a, s) for a in corpus for s in a.sentences]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def run_external(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["external", *arguments])
    return external.main()


def test_attribution_of_others_is_scored_article_by_article(
    artifact: Path, corpus: list[AnnotatedArticle], measured: Path, monkeypatch: pytest.MonkeyPatch
):
    def said(label: str) -> bool:
        return label in ("quoted_claim", "condition")

    articles = corpus[-6:]
    path = external_rows(articles, measured / "p.jsonl", lambda a, s: {"source_label": {"content": float(said(s.label))}})
    assert run_external(monkeypatch, "--corpus", "polnear", "--from", str(path), "--model", str(artifact)) == 0
    found = json.loads((measured / "external.json").read_text(encoding="utf-8"))["polnear"]
    tagger = Tagger.load(artifact)
    predicted = np.concatenate(tagger.probabilities([[s.sentence.text for s in a.sentences] for a in articles])).argmax(1)
    gold = [said(str(s.label)) for a in articles for s in a.sentences]
    assert found["f1"] == pytest.approx(f1_score(gold, [said(tagger.scheme.names[i]) for i in predicted]))
    assert (found["n"], found["articles"]) == (len(gold), 6)


def test_subjectivity_is_trained_with_its_own_two_labels(
    artifact: Path, tiny_config: Path, corpus: list[AnnotatedArticle], measured: Path, monkeypatch: pytest.MonkeyPatch
):
    def mark(article: AnnotatedArticle, sentence: Any) -> dict[str, str]:
        half = "ct_train" if corpus.index(article) < 12 else "ct_dev_test"
        return {"doc": half, "source_label": "SUBJ" if sentence.label == "editorial_framing" else "OBJ"}

    path = external_rows(corpus[:18], measured / "c.jsonl", mark)
    files = ["--from", str(path), "--model", str(artifact), "--config", str(tiny_config)]
    assert run_external(monkeypatch, "--corpus", "checkthat", *files, "training.num_train_epochs=1") == 0
    found = json.loads((measured / "external.json").read_text(encoding="utf-8"))["checkthat"]
    assert found["n"] == sum(len(a.sentences) for a in corpus[12:18])
    trained = json.loads((tiny_config.parent / "checkthat" / "config.json").read_text(encoding="utf-8"))
    assert trained["id2label"] == {"0": "OBJ", "1": "SUBJ"}
    assert found["majority"] <= found["trained"]
    assert found["majority"] < found["zero_shot"]


@pytest.mark.parametrize(
    ("corpus_name", "row", "message"),
    [
        (
            "polnear",
            {"doc": "a", "text": "One.", "split": "dev"},
            "rows.jsonl:1: has no 'source_label'; give the file of polnear",
        ),
        ("polnear", {"doc": "a", "text": "One.", "split": "train", "source_label": {}}, "has no rows of the split"),
        ("checkthat", {"doc": "a", "text": "One.", "source_label": 3}, "source_label 3 is neither SUBJ nor OBJ"),
        ("checkthat", {"doc": "a_dev", "text": "One.", "source_label": "OBJ"}, "no rows of a doc that ends in dev_test"),
        (
            "checkthat",
            {"doc": "a_test", "text": "One.", "source_label": "OBJ"},
            "doc 'a_test' is none of train, dev and dev_test",
        ),
    ],
)
def test_a_file_of_another_corpus_is_refused(run: Run, tmp_path: Path, corpus_name: str, row: dict[str, Any], message: str):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    done = run("scripts.bench.external", "--corpus", corpus_name, "--from", str(path), cwd=ROOT)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_batch_is_chosen_by_article_without_twins():
    margins = np.array([0.1, 0.2, 0.9, 0.9, 0.05, 0.9, 0.15, 0.3])
    texts = [
        "ferry sinks",
        "mayor resigns",
        "rain falls",
        "sun shines",
        "cat sleeps",
        "dog barks",
        "the ferry sinks",
        "bread rises",
    ]
    article_of = [0, 0, 0, 0, 1, 1, 2, 2]
    assert choose(margins, texts, article_of, size=3, per_article=2) == [0, 1, 7]  # 6 says what 0 says
    assert choose(margins, texts, article_of, size=8, per_article=1) == [4, 0, 7]


def test_the_simulated_annotator_labels_in_both_orders(
    measured: Path, small_corpus: Path, tiny_config: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(next_batch, "MEASURED", measured)
    monkeypatch.setattr(next_batch, "PICTURE", measured / "curve.png")
    assert next_batch.simulate(load_config(tiny_config), seeds=2, per_article=10) == 0
    found = json.loads((measured / "next_batch.json").read_text(encoding="utf-8"))
    for name in ("random", "next_batch"):
        for curve, needed in zip(found["curves"][name], found["needed"][name], strict=True):
            reached = [score >= 0.95 * found["full"] for score in curve]
            first, rest = divmod(needed - found["start"], found["batch"])
            assert (all(reached[first:]), rest) == (True, 0)
            assert first == 0 or not reached[first - 1]
    assert found["curves"]["random"][0][0] == found["curves"]["next_batch"][0][0]  # the same start
    assert (measured / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert "Labels saved" in tables.next_batch_table()
