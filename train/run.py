"""Train, evaluate and publish one run: `train(config)` → the artifact folder.

A run works in the folder `.NAME.run` beside the artifact, which is renamed to NAME once it is complete. An interrupted run goes
on from its last checkpoint. A finished run is repeated only if config or annotations have changed, or with `fresh`.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from safetensors import SafetensorError

from labels.annotations import AnnotatedArticle, write_corpus
from labels.errors import ConfigError, OutputError
from labels.files import located, write_whole, writing
from labels.scheme import load_scheme
from models.artifact import SCHEME, WEIGHTS
from models.backbones import locate_backbone
from models.classifier import quietly
from train.config import TrainConfig
from train.data import corpus_folders, describe_split, load_splits
from train.fit import IS_MAIN, fit, training_arguments
from train.progress import say
from train.publish import METRICS, evaluate_run, is_better, publish

CONFIG, SPLIT = "train_config.yaml", "split.json"


@quietly()
def train(config: TrainConfig, *, fresh: bool = False, if_better: bool = False) -> Path:
    """Run a config from annotations to the artifact folder `output_dir/name`.

    Args:
        fresh: train again even if the run is finished or interrupted.
        if_better: use the split of the model that is in the artifact folder, with new events for training, and replace that
            model only if the new one has a higher macro F1 on validation.

    Raises:
        UserError: the data, the backbone or the output folder are not as the config says.
        KeyboardInterrupt: the run was stopped; the same call goes on from the last checkpoint.
    """
    final, run = config.output_dir / config.name, config.output_dir / f".{config.name}.run"
    if_better = if_better and (final / SPLIT).is_file()
    if if_better:
        config = _with_split_of(final, config)
    scheme = load_scheme(config.data.scheme)
    splits = load_splits(config.data, scheme)
    record = {CONFIG: config.to_yaml(), SPLIT: describe_split(splits, config.data)}
    if not fresh and _has_record(final, record) and (final / METRICS).is_file():
        say(f"{final} is already trained with this config and these annotations; --fresh trains it again")
        return final
    if IS_MAIN:
        _report_missing_texts(config)
    backbone = locate_backbone(config.model.backbone, config.model.backbone_sha256)
    arguments = training_arguments(config, run)
    try:
        with writing(run):
            with arguments.main_process_first(local=False):
                if IS_MAIN:
                    _open_run(run, record, discard=fresh)
            if not (run / WEIGHTS).is_file():
                fit(config, scheme, splits, backbone, arguments, run)
            if IS_MAIN:
                evaluate_run(config, splits, run)
                if if_better and not is_better(run, final, splits):
                    shutil.rmtree(run)
                    return final
                publish(run, final)
    except SafetensorError as error:
        raise OutputError(f"{run}: the weights cannot be written: {error}; free some space and run again") from error
    return final


def train_on(config: TrainConfig, name: str, articles: Sequence[AnnotatedArticle]) -> Path:
    """Train a config on articles that carry their split, under another name; return the artifact folder.

    A finished run is not repeated.
    """
    folder = config.output_dir / f"{name}-corpus"
    with writing(folder):
        write_corpus(folder, articles)
    data = config.data.model_copy(update={"corpora": (folder,), "attached": ()})
    return train(config.model_copy(update={"name": name, "data": data}))


def _with_split_of(artifact: Path, config: TrainConfig) -> TrainConfig:
    """Return the config with the split of an earlier artifact.

    Raises:
        ConfigError: the artifact has other labels, so that the two models cannot be compared.
    """
    if load_scheme(artifact / SCHEME).names != load_scheme(config.data.scheme).names:
        raise ConfigError(
            f"{artifact}: was trained with other labels, so it cannot be compared; give the new model another name"
        )
    return config.model_copy(update={"data": config.data.model_copy(update={"keep_split": artifact / SPLIT})})


def _report_missing_texts(config: TrainConfig) -> None:
    present = corpus_folders(config.data)
    for folder in config.data.attached:
        if located(folder) not in present:
            command = f"python -m scripts.attach_corpus --corpus {folder.name} --from PATH"
            say(f"{folder}: holds no texts and is left out; attach them with: {command}")


def _has_record(folder: Path, record: dict[str, str]) -> bool:
    """Return whether a folder holds these files, {name: content}."""
    return all((folder / name).is_file() and (folder / name).read_text("utf-8") == text for name, text in record.items())


def _open_run(run: Path, record: dict[str, str], discard: bool) -> None:
    """Make the run folder; remove an interrupted run of another config or other annotations, or, with `discard`, any run."""
    if run.exists() and (discard or not _has_record(run, record)):
        say(f"{run}: removing an interrupted run {'(--fresh)' if discard else 'of another config or other annotations'}")
        shutil.rmtree(run)
    run.mkdir(parents=True, exist_ok=True)
    for name, text in record.items():
        write_whole(run / name, text)
