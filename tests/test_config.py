from pathlib import Path

import pytest
import yaml

from labels.errors import ConfigError
from tests.conftest import ROOT, Run
from train.config import TrainConfig, load_config

DEFAULT = ROOT / "configs/default.yaml"


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_config_is_valid_and_fills_itself(path: Path, tmp_path: Path):
    config = load_config(path)
    (tmp_path / "filled.yaml").write_text(config.to_yaml(), encoding="utf-8")
    assert load_config(tmp_path / "filled.yaml") == config


def test_overrides_reach_every_depth():
    config = load_config(DEFAULT, ["seed=7", "model.context=window", "training.learning_rate=3e-5", "data.corpora=[a,b]"])
    assert (config.seed, config.model.context, config.training["learning_rate"]) == (7, "window", 3e-5)
    assert config.data.corpora == (Path("a"), Path("b"))


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("sede=1", "  sede: unknown key; did you mean 'seed'?"),
        ("model.max_lenght=64", "  model.max_lenght: unknown key; did you mean 'max_length'?"),
        ("training.learning_rat=1", "  training.learning_rat: unknown key; did you mean 'learning_rate'?"),
        ("training.learning_rate=fast", "  training.learning_rate: should be float (got 'fast')"),
        ("training.output_dir=x", "  training.output_dir: is set by the project (name); remove it"),
        ("data.test_size=1.5", "  data.test_size: input should be less than 0.6 (got 1.5)"),
        ("seed=abc", "  seed: input should be a valid integer, unable to parse string as an integer (got 'abc')"),
        ("model.context=all", "  model.context: input should be 'single' or 'window' (got 'all')"),
    ],
)
def test_a_wrong_value_names_key_fault_and_remedy(override: str, line: str):
    with pytest.raises(ConfigError) as caught:
        load_config(DEFAULT, [override])
    assert str(caught.value).splitlines() == [f"{DEFAULT} is not a valid training config:", line]


def test_every_fault_is_told_at_once():
    with pytest.raises(ConfigError) as caught:
        load_config(DEFAULT, ["a=1", "seed=x", "data.b=2"])
    assert len(str(caught.value).splitlines()) == 4


def test_an_override_without_a_value_is_refused():
    with pytest.raises(ConfigError, match="override 'seed': has no '='"):
        load_config(DEFAULT, ["seed"])


@pytest.mark.parametrize("text", ["a: [", "- a\n- b", "name: ${nowhere}", "\xff"])
def test_an_unreadable_config_is_refused(tmp_path: Path, text: str):
    path = tmp_path / "config.yaml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(path) in str(caught.value)


def test_a_missing_config_is_named():
    with pytest.raises(ConfigError, match=r"configs/nowhere\.yaml: no such config"):
        load_config(Path("configs/nowhere.yaml"))


def test_dry_run_prints_the_filled_config(run: Run):
    done = run("train", "configs/default.yaml", "seed=5", "--dry-run")
    assert done.returncode == 0
    printed = yaml.safe_load(done.stdout)
    assert printed["seed"] == 5
    assert set(printed) == set(TrainConfig.model_fields)
    assert printed["data"]["split_seed"] == 0
