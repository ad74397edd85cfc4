"""Train, evaluate and publish one run: `train(config)` → the artifact folder.

Work is done in `.NAME.run` beside the artifact and renamed to NAME when all of it is there, so NAME is always whole. An
interrupted run goes on from its last checkpoint; a finished one is repeated only if config or annotations changed, or `fresh`.
With `if_better` the new model is held to the split of the one that is there, and takes its place only if it is better.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from safetensors import SafetensorError

from labels.annotations.corpus import AnnotatedArticle, write_corpus
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

    With `if_better`, events that are new go to training, and macro F1 on the validation split decides which model stays.

    Raises:
        UserError: data, backbone or output place are not as the config says.
        KeyboardInterrupt: the run was stopped; the same call goes on from the last checkpoint.
    """
    final, run = config.output_dir / config.name, config.output_dir / f".{config.name}.run"
    if_better = if_better and (final / SPLIT).is_file()
    if if_better:
        data = config.data.model_copy(update={"keep_split": final / SPLIT})
        config = config.model_copy(update={"data": data})
    scheme = load_scheme(config.data.scheme)
    if if_better and load_scheme(final / SCHEME).names != scheme.names:
        raise ConfigError(f"{final}: was trained with other labels, so it cannot be compared; give the new model another name")
    splits = load_splits(config.data, scheme)
    record = {CONFIG: config.to_yaml(), SPLIT: describe_split(splits, config.data)}
    if not fresh and _same(final, record) and (final / METRICS).is_file():
        say(f"{final} is already trained with this config and these annotations; --fresh trains it anew")
        return final
    present = corpus_folders(config.data)
    for folder in config.data.attached:
        if IS_MAIN and located(folder) not in present:
            say(
                f"{folder}: no texts here, going on without; python -m scripts.attach_corpus --corpus {folder.name} --from PATH"
            )
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
                else:
                    publish(run, final)
    except SafetensorError as error:
        raise OutputError(f"{run}: the weights cannot be written: {error}; free some space and run again") from error
    return final


def train_on(config: TrainConfig, name: str, articles: Sequence[AnnotatedArticle]) -> Path:
    """Train a config on articles that fix their split; a finished run is not repeated. Returns the artifact folder."""
    folder = config.output_dir / f"{name}-corpus"
    with writing(folder):
        write_corpus(folder, articles)
    data = config.data.model_copy(update={"corpora": (folder,), "attached": ()})
    return train(config.model_copy(update={"name": name, "data": data}))


def _same(folder: Path, record: dict[str, str]) -> bool:
    return all((folder / name).is_file() and (folder / name).read_text("utf-8") == text for name, text in record.items())


def _open_run(run: Path, record: dict[str, str], discard: bool) -> None:
    """Make the run folder; what is left in it of another config or other annotations is of no use and goes."""
    if run.exists() and (discard or not _same(run, record)):
        say(f"{run}: removing an interrupted run {'(--fresh)' if discard else 'of another config or other annotations'}")
        shutil.rmtree(run)
    run.mkdir(parents=True, exist_ok=True)
    for name, text in record.items():
        write_whole(run / name, text)
