"""Whole runs of a small pretrained encoder on a part of the real corpus."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset, DatasetDict
from safetensors.torch import load_file
from sklearn.metrics import f1_score

from labels.annotations import AnnotatedArticle, read_corpus, write_corpus
from labels.annotations.corpus import SPLITS
from labels.articles import Article
from labels.errors import AnnotationError, ConfigError, OutputError, UserError
from labels.scheme import LabelScheme
from models import Tagger
from models.artifact import model_version
from models.backbones import locate_backbone
from models.classifier import build_classifier
from tests.conftest import ROOT, Run
from train.config import DataConfig, load_config
from train.data import describe_split, labelled_sentences, load_splits
from train.evaluation import _by_outlet, _most_certain
from train.metrics import METRICS, bootstrap, confusion_matrix, f1_of
from train.run import train


def scores(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    return found


def test_events_are_never_divided(corpus: list[AnnotatedArticle], scheme: LabelScheme):
    splits = load_splits(DataConfig(), scheme)
    events = {name: set(splits[name]["event"]) for name in SPLITS}
    assert set.union(*events.values()) == {article.event for article in corpus}
    assert sum(map(len, events.values())) == len({article.event for article in corpus})
    assert len(events["test"]) == round(0.2 * len({article.event for article in corpus}))
    again, other = load_splits(DataConfig(), scheme), load_splits(DataConfig(split_seed=1), scheme)
    assert set(again["test"]["event"]) == events["test"] != set(other["test"]["event"])


def test_no_sentence_of_test_is_in_train(scheme: LabelScheme):
    splits = load_splits(DataConfig(), scheme)
    texts = {name: {t for row in splits[name]["texts"] for t in row if len(t.split()) > 5} for name in SPLITS}
    assert not texts["train"] & texts["test"]
    assert not texts["validation"] & (texts["train"] | texts["test"])


def test_too_few_events_are_refused(small_corpus: Path, scheme: LabelScheme, tmp_path: Path):
    for name in ("articles.jsonl", "sentences.jsonl"):
        rows = [json.loads(line) for line in (small_corpus / name).read_text(encoding="utf-8").splitlines()]
        first = rows[0].get("id") or rows[0]["article"]
        kept = [row for row in rows if (row.get("id") or row["article"]) == first]
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")
    with pytest.raises(AnnotationError, match=r"1 event\(s\) cannot be split"):
        load_splits(DataConfig(corpora=(tmp_path,)), scheme)


def test_a_split_that_corpora_fix_holds(
    small_corpus: Path, corpus: list[AnnotatedArticle], scheme: LabelScheme, tmp_path: Path
):
    """Articles go where their corpus says, all others train; a corpus nobody attached is left out."""
    fixed = {event: SPLITS[n % 3] for n, event in enumerate(sorted({a.event for a in corpus})[10:16])}
    write_corpus(tmp_path, [replace(a, split=fixed[a.event]) for a in corpus if a.event in fixed])
    config = DataConfig(corpora=(small_corpus,), attached=(tmp_path, tmp_path / "nobody-attached-it"))
    splits = load_splits(config, scheme)
    for name in ("validation", "test"):
        assert set(splits[name]["event"]) == {event for event, split in fixed.items() if split == name}
    assert len(set(splits["train"]["event"])) == 10 + 2
    write_corpus(tmp_path, [replace(a, split=SPLITS[n % 2]) for n, a in enumerate(a for a in corpus if a.event in fixed)])
    with pytest.raises(AnnotationError, match="give all its articles the same split"):
        load_splits(config, scheme)
    write_corpus(tmp_path, [replace(a, split="train") for a in corpus if a.event in fixed])
    with pytest.raises(AnnotationError, match="none of their articles is for validation"):
        load_splits(config, scheme)


def test_open_sentences_are_shown_and_never_counted(small_corpus: Path, scheme: LabelScheme, tiny_config: Path, tmp_path: Path):
    """Every third sentence has no label of record, and one article none at all."""
    articles = [
        replace(
            a, sentences=tuple(replace(s, label=None if n == 0 or s.sentence.index % 3 == 0 else s.label) for s in a.sentences)
        )
        for n, a in enumerate(read_corpus(small_corpus, scheme))
    ]
    write_corpus(tmp_path / "corpus", articles)
    assert read_corpus(tmp_path / "corpus", scheme) == articles
    given = [f"data.corpora=[{tmp_path / 'corpus'}]", f"output_dir={tmp_path}", "name=open", "model.context=window"]
    config = load_config(tiny_config, given)
    splits = load_splits(config.data, scheme)
    assert sum(len(splits[name]) for name in SPLITS) == len(articles) - 1
    for name in SPLITS:
        texts, labels = labelled_sentences(splits[name])
        assert len(texts) == len(labels) < sum(map(len, splits[name]["texts"]))
        assert set(labels) <= set(scheme.id2label)
    folder = train(config)
    test, gold = labelled_sentences(splits["test"])
    rows = [json.loads(line) for line in (folder / "predictions.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(row["text"], row["label"]) for row in rows] == [(t, scheme.names[g]) for t, g in zip(test, gold, strict=True)]
    assert scores(folder)["test"]["n"] == len(test)


def test_a_model_is_replaced_only_by_a_better_one_on_the_same_split(
    corpus: list[AnnotatedArticle], small_corpus: Path, scheme: LabelScheme, tiny_config: Path, tmp_path: Path
):
    def go(*given: str, if_better: bool = True) -> dict[str, Any]:
        overrides = [f"output_dir={tmp_path}", "name=m", *given]
        folder = train(load_config(tiny_config, overrides), if_better=if_better)
        found: dict[str, Any] = json.loads((folder / "split.json").read_text("utf-8"))
        return found

    first = go("training.max_steps=1", if_better=False)
    used = {a.event for a in read_corpus(small_corpus, scheme)}
    write_corpus(tmp_path / "more", [a for a in corpus if a.event not in used][:4])
    better = go(f"data.attached=[{tmp_path / 'more'}]")
    version = model_version(tmp_path / "m")
    assert (better["validation"], better["test"]) == (first["validation"], first["test"])
    assert set(better["train"]) > set(first["train"])
    assert scores(tmp_path / "m")["test"]["n"] > 0
    assert go("training.max_steps=1") == better
    assert model_version(tmp_path / "m") == version
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m", "more"]
    other = tmp_path / "other.yaml"
    other.write_text("labels: [{name: x}, {name: y}]", encoding="utf-8")
    with pytest.raises(ConfigError, match="was trained with other labels"):
        go(f"data.scheme={other}")
    with pytest.raises(ConfigError, match=r"data.keep_split: .* is no split.json of a run"):
        go(f"data.keep_split={tmp_path / 'm' / 'metrics.json'}", "name=other", if_better=False)


def test_metrics_are_those_of_scikit_learn_and_need_no_hub():
    random = np.random.default_rng(0)
    gold, predicted = random.integers(0, 5, 500), random.integers(0, 5, 500)
    given = {"predictions": predicted, "references": gold}
    assert METRICS["macro_f1"]().compute(**given, labels=[0, 1, 2, 3])["macro_f1"] == pytest.approx(
        f1_score(gold, predicted, labels=[0, 1, 2, 3], average="macro")
    )
    assert METRICS["accuracy"]().compute(**given)["accuracy"] == (gold == predicted).mean()
    confusion = confusion_matrix(gold, predicted, 5)
    assert f1_of(confusion) == pytest.approx(f1_score(gold, predicted, average=None))
    per_label = METRICS["per_label"]().compute(**given, labels=list(range(5)))["per_label"]
    assert [per_label[n]["f1"] for n in range(5)] == pytest.approx(list(f1_of(confusion)))


def test_intervals_widen_with_fewer_articles():
    random = np.random.default_rng(0)

    def interval(articles: int) -> list[float]:
        gold = random.integers(0, 4, (articles, 20))
        predicted = np.where(random.random((articles, 20)) < 0.8, gold, random.integers(0, 4, (articles, 20)))
        confusions = np.stack([confusion_matrix(g, p, 4) for g, p in zip(gold, predicted, strict=True)])
        low, high = bootstrap(confusions, [0, 1, 2, 3], 500, seed=1)["macro_f1"]
        assert low < f1_of(confusions.sum(0)).mean() < high
        return [low, high]

    few, many = interval(8), interval(200)
    assert few[1] - few[0] > 2 * (many[1] - many[0])


def test_certain_sentences_and_unseen_outlets_are_scored_apart(scheme: LabelScheme):
    """Three articles: one outlet that training knows, all right; one that it does not, one of two facts called a claim."""
    train_set = Dataset.from_dict({"outlet": ["Wire", "Blog"]})
    splits = DatasetDict({"train": train_set, "test": Dataset.from_dict({"outlet": ["Wire", "Herald", "Wire"]})})
    article_of, gold = np.array([0, 1, 1, 2]), np.array([0, 0, 0, 1])
    predicted = np.array([0, 0, 1, 1])
    found = _by_outlet(splits, article_of, gold, predicted, scheme)
    # two of the four labels occur among the seen, each F1 1; among the unseen fact has F1 2/3
    assert found == {"seen": {"n": 2, "macro_f1": 0.5}, "unseen": {"n": 2, "macro_f1": pytest.approx(2 / 3 / 4)}}
    assert _by_outlet(splits, np.array([0, 0, 2, 2]), gold, predicted, scheme) == {}
    probabilities = np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8], [0.3, 0.7], [0.6, 0.4]])
    assert sorted(_most_certain(probabilities, 0.6)) == [0, 2, 3]


def test_the_artifact_is_whole(artifact: Path, tiny_config: Path, scheme: LabelScheme):
    assert {path.name for path in artifact.iterdir()} == {
        *("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "scheme.yaml", "README.md"),
        *("train_config.yaml", "split.json", "training.json", "metrics.json", "predictions.jsonl"),
        *("confusion.png", "reliability.png"),
    }
    config = load_config(tiny_config)
    assert load_config(artifact / "train_config.yaml") == config
    splits = load_splits(config.data, scheme)
    assert (artifact / "split.json").read_text(encoding="utf-8") == describe_split(splits, config.data)
    test, rows = scores(artifact)["test"], (artifact / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    assert test["n"] == len(rows) == sum(map(sum, test["confusion"]))
    predictions = [json.loads(row) for row in rows]
    labels = list(scheme.article_labels)
    assert test["macro_f1"] == pytest.approx(
        f1_score([r["label"] for r in predictions], [r["predicted"] for r in predictions], labels=labels, average="macro")
    )
    assert set(test["baselines"]) == {"tfidf_logistic_regression", "majority"}
    for values in (test, *test["baselines"].values()):
        assert values["macro_f1_interval"][0] <= values["macro_f1"] <= values["macro_f1_interval"][1]
    card = (artifact / "README.md").read_text(encoding="utf-8")
    assert f"**{test['macro_f1']:.3f}**" in card
    assert all((artifact / name).read_bytes().startswith(b"\x89PNG") for name in ("confusion.png", "reliability.png"))


def test_it_learns_from_sentences(artifact: Path):
    """Even the smallest encoder on a tenth of the corpus must beat always saying the commonest label."""
    test = scores(artifact)["test"]
    assert test["macro_f1"] > test["baselines"]["majority"]["macro_f1"] + 0.05


def test_a_finished_run_is_not_repeated(artifact: Path, tiny_config: Path):
    before = (artifact / "model.safetensors").stat().st_mtime_ns
    assert train(load_config(tiny_config)) == artifact
    assert (artifact / "model.safetensors").stat().st_mtime_ns == before


def test_windows_are_trained_saved_and_tagged(tiny_config: Path):
    overrides = ["name=windows", "model.context=window", "training.per_device_train_batch_size=4"]
    folder = train(load_config(tiny_config, overrides))
    assert scores(folder)["test"]["macro_f1"] > scores(folder)["test"]["baselines"]["majority"]["macro_f1"]
    tagged = Tagger.load(folder).tag(Article("a", "The mayor spoke.\nShe said: “We will not pay.\nNot now, not ever.”"))
    assert len(tagged.sentences) == 3


def test_another_scheme_needs_no_code(tiny_config: Path, small_corpus: Path, scheme: LabelScheme, tmp_path: Path):
    (tmp_path / "scheme.yaml").write_text("name: subjectivity\nlabels: [{name: obj}, {name: subj}]", encoding="utf-8")
    shutil.copyfile(small_corpus / "articles.jsonl", tmp_path / "articles.jsonl")
    rows = [json.loads(line) for line in (small_corpus / "sentences.jsonl").read_text(encoding="utf-8").splitlines()]
    for row in rows:
        row |= {"label": "subj" if row["label"] == "editorial_framing" else "obj", "votes": [], "inherited": False}
    (tmp_path / "sentences.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    overrides = [f"data.corpora=[{tmp_path}]", f"data.scheme={tmp_path}/scheme.yaml", f"output_dir={tmp_path}"]
    folder = train(load_config(tiny_config, overrides))
    assert set(scores(folder)["test"]["per_label"]) == {"obj", "subj"}
    tagged = Tagger.load(folder).tag(Article("a", "It rained. A disgrace!"))
    assert {p.label for _, p in tagged.sentences} <= {"obj", "subj"}


def test_tensorboard_is_one_line(tiny_config: Path):
    folder = train(load_config(tiny_config, ["name=board", "training.report_to=tensorboard", "training.num_train_epochs=1"]))
    assert list((folder / "logs").rglob("events.out.tfevents.*"))


def test_an_unknown_label_stops_with_file_and_line(tiny_config: Path, small_corpus: Path, tmp_path: Path, run: Run):
    shutil.copytree(small_corpus, tmp_path / "corpus")
    path = tmp_path / "corpus/sentences.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace('"label": "fact"', '"label": "opinion"', 1), encoding="utf-8")
    number = next(n for n, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if '"opinion"' in line)
    done = run("train", str(tiny_config), f"data.corpora=[{tmp_path}/corpus]", f"output_dir={tmp_path}/out")
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {path}:{number}: unknown label 'opinion'; the scheme has fact, ")
    assert not (tmp_path / "out").exists()


def test_a_full_disk_is_told_and_leaves_nothing_named(tiny_config: Path, tmp_path: Path):
    """A limit on file size stands for the full disk: the weights cannot be written whole."""
    script = (
        "import resource, runpy, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000));"
        "sys.argv = ['train', *sys.argv[1:]]; runpy.run_module('train', run_name='__main__')"
    )
    command = [sys.executable, "-c", script, str(tiny_config), f"output_dir={tmp_path}", "name=full"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "cannot be written" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "full").exists()


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="no folder here that refuses even its owner: /sys/kernel")
def test_an_output_folder_that_cannot_be_written_is_told(tiny_config: Path):
    with pytest.raises(OutputError, match=r"/sys/kernel.*cannot be written"):
        train(load_config(tiny_config, ["output_dir=/sys/kernel"]))


def test_ctrl_c_keeps_the_last_checkpoint_and_resumes_to_the_same_result(tiny_config: Path, artifact: Path, tmp_path: Path):
    command = [sys.executable, "-m", "train", str(tiny_config), f"output_dir={tmp_path}", "name=stopped"]
    started = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    checkpoints = tmp_path / ".stopped.run/checkpoints"
    deadline = time.monotonic() + 240
    while not list(checkpoints.glob("checkpoint-*/trainer_state.json")):
        assert started.poll() is None, started.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.01)
    started.send_signal(signal.SIGINT)
    _, talk = started.communicate(timeout=120)
    assert started.returncode == 130, talk
    assert "Traceback" not in talk
    assert "the same command goes on from there" in talk
    assert not (tmp_path / "stopped").exists()

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "going on from checkpoint-" in done.stderr
    undisturbed, resumed = scores(artifact), scores(tmp_path / "stopped")
    assert resumed["training"]["resumed"]
    assert resumed["test"]["confusion"] == undisturbed["test"]["confusion"]
    assert resumed["temperature"] == pytest.approx(undisturbed["temperature"], rel=1e-3)


WITHOUT_DROPOUT = """
import sys
from torch import nn
from train.__main__ import main
nn.Dropout.forward = lambda self, values: values
sys.exit(main())
"""


@pytest.mark.parametrize("context", ["single", "window"])
def test_two_processes_take_the_steps_of_one(tiny_config: Path, scheme: LabelScheme, tmp_path: Path, context: str):
    """Two with half the batch each see the same sentences a step, so their weights end where those of one process end.

    Nothing is drawn at random after the start, and the steps are plain gradient descent: Adam, and a limit on the gradient's
    norm, would hide a gradient that is twice as large.
    """
    script = tmp_path / "train_without_dropout.py"
    script.write_text(WITHOUT_DROPOUT, encoding="utf-8")
    overrides = [
        *(f"output_dir={tmp_path}", f"model.context={context}", "training.max_steps=4", "training.max_grad_norm=0"),
        *(
            "training.optim=sgd",
            "training.learning_rate=0.05",
            "training.lr_scheduler_type=constant",
            "training.warmup_steps=0",
        ),
        *("training.train_sampling_strategy=random", "training.bf16=false"),
    ]
    two_processes = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    ends = {}
    for processes, launcher, batch in ((1, (), 8), (2, two_processes, 4)):
        changes = [*overrides, f"name=by{processes}", f"training.per_device_train_batch_size={batch}"]
        done = subprocess.run(
            [sys.executable, *launcher, str(script), str(tiny_config), *changes],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        )
        assert done.returncode == 0, done.stderr[-3000:]
        folder = tmp_path / f"by{processes}"
        assert done.stdout.strip().splitlines()[-1] == str(folder)
        assert scores(folder)["training"]["processes"] == processes
        ends[processes] = load_file(folder / "model.safetensors")

    begin = build_classifier(locate_backbone("package:cognition/model"), scheme, context, 64, True)[0].state_dict()
    encoder = [name for name in begin if ".layer." in name]  # the head is no measure: it is divided by the temperature

    def distance(first: dict[str, Any], second: dict[str, Any]) -> float:
        return float(sum((first[name] - second[name]).square().sum() for name in encoder) ** 0.5)

    assert distance(begin, ends[1]) > 0.01
    assert distance(ends[1], ends[2]) < 0.001 * distance(begin, ends[1])


def test_a_missing_backbone_stops_before_anything_is_written(tiny_config: Path, tmp_path: Path):
    overrides = [f"output_dir={tmp_path}/out", "model.backbone=nowhere", "model.backbone_sha256=null"]
    with pytest.raises(UserError, match="no folder 'nowhere'"):
        train(load_config(tiny_config, overrides))
    assert not (tmp_path / "out").exists()
