"""Exported models: they say what the trained ones say, without torch."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from labels.annotations import AnnotatedArticle
from labels.annotations.standoff import attach, read_labels, read_texts
from labels.articles import read_articles, split
from labels.errors import ArtifactError, ConfigError, OutputError
from labels.scheme import LabelScheme
from models import Tagger
from models.arrays import Floats
from models.calibration import calibration_error
from models.onnx.export import export
from tests.conftest import ROOT, SHARED_CORPORA, Run
from train.config import load_config
from train.evaluation import score_predictions
from train.run import train


@pytest.fixture(scope="module", params=["single", "window"])
def trained(request: pytest.FixtureRequest, tiny_config: Path) -> Path:
    """A model of each context that can be exported, the tiny one trained long enough to be sure of something."""
    sizes = [f"model.context={request.param}", f"name={request.param}", "training.num_train_epochs=12"]
    return train(load_config(tiny_config, sizes))


@pytest.fixture(scope="module")
def exported(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("exported")
    export(trained, folder / "onnx")
    export(trained, folder / "int8", int8=True)
    return {"onnx": folder / "onnx", "int8": folder / "int8"}


@pytest.fixture(scope="module")
def real_articles(scheme: LabelScheme) -> list[AnnotatedArticle]:
    """A third of the real articles, none of the test split: enough for a difference of .005 to be none of chance."""
    if not SHARED_CORPORA.is_dir():
        pytest.skip("the texts of the real articles are not at hand: ../shared/corpora")
    articles: list[AnnotatedArticle] = []
    for path in sorted((ROOT / "labels/corpus/real").glob("*.jsonl")):
        articles += attach(path.stem, read_labels(path, scheme), read_texts(SHARED_CORPORA / path.name))[0]
    return [article for article in articles if article.split != "test"][::3]


@pytest.mark.parametrize(("kind", "same"), [("onnx", 0.9995), ("int8", 0.99)])
def test_exported_models_agree_with_the_trained_one(
    trained: Path, exported: dict[str, Path], real_articles: list[AnnotatedArticle], kind: str, same: float
):
    texts = [[labeled.sentence.text for labeled in article.sentences] for article in real_articles]
    names = Tagger.load(trained).scheme.label2id
    gold = np.array([names[s.label] if s.label else -1 for article in real_articles for s in article.sentences])

    def found(folder: Path) -> Floats:
        probabilities: Floats = np.concatenate(Tagger.load(folder).probabilities(texts))[gold >= 0]
        return probabilities

    ours, theirs, gold_labels = found(trained), found(exported[kind]), gold[gold >= 0]
    assert len(gold_labels) > 3000
    assert (ours.argmax(axis=1) == theirs.argmax(axis=1)).mean() >= same
    scheme = Tagger.load(trained).scheme
    first, second = (score_predictions(gold_labels, p.argmax(axis=1), scheme)["macro_f1"] for p in (ours, theirs))
    assert abs(first - second) <= 0.005
    assert abs(calibration_error(ours, gold_labels) - calibration_error(theirs, gold_labels)) <= 0.005
    if kind == "onnx":
        assert abs(ours - theirs).max() < 1e-4


def test_what_is_tagged_beside_an_article_changes_nothing(exported: dict[str, Path]):
    articles = [[sentence.text for sentence in split(article)] for article in read_articles([str(ROOT / "labels/samples")])]
    for folder in exported.values():
        tagger = Tagger.load(folder)
        for texts, found in zip(articles, tagger.probabilities(articles), strict=True):
            assert np.array_equal(tagger.probabilities([texts])[0], found)


def test_an_exported_model_tags_where_torch_and_transformers_cannot_be_imported(exported: dict[str, Path]):
    code = (
        "import sys; sys.modules |= dict.fromkeys(['torch', 'transformers', 'datasets', 'sklearn', 'scipy', 'pydantic']); "
        "from newsvoice import main; "
        f"sys.exit(main(['labels/samples', '--format', 'csv', '--model', {str(exported['int8'])!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") > 50


def test_an_exported_model_is_smaller_and_replaces_only_its_like(
    trained: Path, exported: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    sizes = {kind: (folder / "model.onnx").stat().st_size for kind, folder in exported.items()}
    assert sizes["int8"] < sizes["onnx"]
    for folder in exported.values():
        assert {path.name for path in folder.iterdir()} == {
            *("config.json", "model.onnx", "scheme.yaml", "tokenizer.json", "tokenizer_config.json")
        }
    export(trained, exported["onnx"])
    assert [path.name for path in exported["onnx"].parent.iterdir() if path.name.startswith(".")] == []
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").write_text("dear")
    with pytest.raises(OutputError, match="holds something else"):
        export(trained, tmp_path / "mine")
    with pytest.raises(ArtifactError, match="is exported already"):
        export(exported["onnx"], tmp_path / "again")
    with pytest.raises(ArtifactError, match="no trained model here"):
        export(tmp_path / "mine", tmp_path / "again")
    monkeypatch.setattr("models.onnx.export._fuse_attention", lambda model: model.classifier.bias.data.add_(0.01))
    with pytest.raises(ArtifactError, match="says something else when it is exported"):
        export(trained, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_what_cannot_be_run_is_told(exported: dict[str, Path], tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch):
    weights = (exported["onnx"] / "model.onnx").read_bytes()
    (exported["onnx"] / "model.onnx").write_bytes(weights[:1000])
    done = run("models", "labels/samples", "--model", str(exported["onnx"]))
    (exported["onnx"] / "model.onnx").write_bytes(weights)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "cannot be loaded" in done.stderr
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ConfigError, match=r"needs onnxruntime: pip install onnxruntime"):
        Tagger.load(exported["onnx"])
