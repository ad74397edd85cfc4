"""The scripts on the tests' small corpus and encoder."""

from pathlib import Path

from labels.annotations import read_corpus
from labels.scheme import LabelScheme
from labels.standoff import sentence_hash
from scripts.learning_curve import _part
from tests.conftest import Run
from train.config import load_config
from train.data import load_splits


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
