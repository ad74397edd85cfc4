"""Fine-tune an encoder: `fit(config, scheme, splits, backbone, arguments, run)` → the weights of the best epoch, in `run`."""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import DatasetDict
from transformers import (
    EarlyStoppingCallback,
    EvalPrediction,
    PreTrainedModel,
    PrinterCallback,
    Trainer,
    TrainingArguments,
)
from transformers.trainer_utils import set_seed

from labels.errors import ConfigError
from labels.files import located, write_whole
from labels.scheme import LabelScheme
from models.artifact import WEIGHTS
from models.classifier import build_classifier, save_classifier
from models.contexts import IGNORED, ArticleTokenizer
from train.config import TrainConfig
from train.data import collate_rows, encode_split, labelled_sentences
from train.evaluation import score_predictions
from train.memory import peak_memory
from train.progress import ProgressReport, say

TRAINING = "training.json"  # how long the training took, and on which device
CHECKPOINTS = "checkpoints"
CHECKPOINT_PARTS = ("trainer_state.json", WEIGHTS, "optimizer.pt", "scheduler.pt")
IS_MAIN = os.environ.get("RANK", "0") == "0"  # torchrun starts several processes; only the first one writes files


def fit(
    config: TrainConfig, scheme: LabelScheme, splits: DatasetDict, backbone: str, arguments: TrainingArguments, run: Path
) -> None:
    """Fine-tune from the last checkpoint, if `run` holds one, and save the best epoch's weights.

    Args:
        backbone: folder or hub id of the encoder.
        arguments: those of `training_arguments`.
        run: folder of the run.
    """
    set_seed(config.seed)
    model, tokenizer = build_classifier(
        backbone, scheme, config.model.context, config.model.max_length, config.model.freeze_word_embeddings
    )
    if arguments.bf16 and arguments.device.type == "cpu":  # where the fused attention is slower
        model.base_model.set_attn_implementation("eager")
    checkpoint = _last_checkpoint(run / CHECKPOINTS)
    if IS_MAIN:
        sentences = sum(map(len, splits["train"]["texts"]))
        resumed = f", going on from {checkpoint.name}" if checkpoint else ""
        say(f"training {config.name} on {sentences} sentences{resumed}")
    start = time.monotonic()
    with peak_memory() as peak, _environment(TENSORBOARD_LOGGING_DIR=str(run / "logs")):
        article_tokenizer = ArticleTokenizer.from_transformers(tokenizer, config.model.context)
        trainer = _trainer(config, scheme, splits, model, article_tokenizer, arguments)
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if not IS_MAIN:
        return
    facts = {
        "seconds": round(time.monotonic() - start, 1),
        "epochs": round(trainer.state.epoch or 0, 2),
        "resumed": checkpoint is not None,
        "peak_memory_mb": peak(),
        "processes": arguments.world_size,
        "threads": torch.get_num_threads(),
        "bf16": arguments.bf16,
        "device": str(arguments.device),
    }
    write_whole(run / TRAINING, json.dumps(facts, indent=1) + "\n")
    save_classifier(model, tokenizer, located(config.data.scheme), run)


def _trainer(
    config: TrainConfig,
    scheme: LabelScheme,
    splits: DatasetDict,
    model: PreTrainedModel,
    tokenizer: ArticleTokenizer,
    arguments: TrainingArguments,
) -> Trainer:
    encoded = {name: encode_split(splits[name], tokenizer) for name in ("train", "validation")}
    trainer = Trainer(
        model,
        arguments,
        data_collator=partial(collate_rows, pad_id=tokenizer.pad_id),
        train_dataset=encoded["train"],
        eval_dataset=encoded["validation"],
        compute_loss_func=_loss(config, splits, scheme),
        compute_metrics=partial(_validation_scores, scheme=scheme),
        callbacks=[EarlyStoppingCallback(config.evaluation.patience), ProgressReport()],
    )
    trainer.remove_callback(PrinterCallback)
    if config.model.head_learning_rate is not None:
        trainer.optimizer = _optimizer(model, arguments, config.model.head_learning_rate)
    return trainer


def training_arguments(config: TrainConfig, run: Path) -> TrainingArguments:
    """Return the Trainer's arguments: the project's defaults, those of the config, and those that the project always sets.

    Raises:
        ConfigError: transformers refuses a value of the config.
    """
    defaults: dict[str, Any] = {
        "per_device_train_batch_size": 32,
        "per_device_eval_batch_size": 64,
        "train_sampling_strategy": "group_by_length",
        "dataloader_pin_memory": False,
        "logging_strategy": "epoch",
        "report_to": "none",
        "ddp_find_unused_parameters": config.model.context != "single",
        "disable_tqdm": True,
        # Set explicitly: otherwise torchrun's processes never find each other on a machine without an accelerator.
        "use_cpu": not torch.accelerator.is_available(),
        "bf16": _has_fast_bf16(),
    }
    try:
        return TrainingArguments(
            **defaults | config.training,
            output_dir=str(run / CHECKPOINTS),
            eval_strategy="epoch",
            save_strategy="epoch",
            save_total_limit=1,
            load_best_model_at_end=True,
            metric_for_best_model="macro_f1",
            restore_callback_states_from_checkpoint=True,
            remove_unused_columns=False,
            label_names=["labels"],
            seed=config.seed,
            data_seed=config.seed,
        )
    except (TypeError, ValueError) as error:
        raise ConfigError(f"training: {' '.join(str(error).split())}") from error


def _has_fast_bf16() -> bool:
    """Return whether this machine multiplies bfloat16 numbers fast: a GPU that supports them, or a processor with AMX.

    On other processors bfloat16 is slower than full width.
    """
    if torch.accelerator.is_available():
        return torch.cuda.is_available() and bool(torch.cuda.is_bf16_supported())
    if not hasattr(torch.cpu, "get_capabilities"):  # an older torch
        return False
    return bool(torch.cpu.get_capabilities().get("amx_bf16"))


def _optimizer(model: PreTrainedModel, arguments: TrainingArguments, head_learning_rate: float) -> torch.optim.Optimizer:
    """Return the optimizer of `arguments`, with another learning rate for the layers on top of the encoder.

    Weight decay is not applied to biases and norms.
    """
    encoder_ids = {id(parameter) for parameter in model.base_model.parameters()}
    groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    for parameter in model.parameters():
        if parameter.requires_grad:
            rate = arguments.learning_rate if id(parameter) in encoder_ids else head_learning_rate
            decay = arguments.weight_decay if parameter.ndim > 1 else 0.0
            groups.setdefault((rate, decay), []).append(parameter)
    group_options = [{"params": parameters, "lr": rate, "weight_decay": decay} for (rate, decay), parameters in groups.items()]
    optimizer_class, options = Trainer.get_optimizer_cls_and_kwargs(arguments)
    optimizer: torch.optim.Optimizer = optimizer_class(group_options, **options)
    return optimizer


def _loss(config: TrainConfig, splits: DatasetDict, scheme: LabelScheme) -> Callable[..., torch.Tensor]:
    """Return a loss function: cross-entropy over the labelled sentences of a batch, with the config's class weights."""
    _, labels_of_train = labelled_sentences(splits["train"])
    counts = np.bincount(labels_of_train, minlength=len(scheme.names))
    power = {"none": 0.0, "sqrt": 0.5, "balanced": 1.0}[config.model.class_weights]
    weights = torch.tensor((counts.sum() / np.maximum(counts, 1) / len(counts)) ** power, dtype=torch.float32)
    smoothing = float(config.training.get("label_smoothing_factor", 0.0))

    def loss(outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor | None = None) -> torch.Tensor:
        total = torch.nn.functional.cross_entropy(
            outputs.logits.flatten(0, -2),
            labels.flatten(),
            weights.to(labels.device),
            ignore_index=IGNORED,
            reduction="sum",
            label_smoothing=smoothing,
        )
        # Without a number from the Trainer, as in evaluation, the labelled sentences of this batch count.
        return total / ((labels != IGNORED).sum() if num_items_in_batch is None else num_items_in_batch)

    return loss


def _validation_scores(outcome: EvalPrediction, scheme: LabelScheme) -> dict[str, float]:
    """Score an evaluation of the Trainer: logits [rows, labels], or, for window, [rows, targets, labels]."""
    logits, labels = np.asarray(outcome.predictions), np.asarray(outcome.label_ids)
    is_labelled = labels != IGNORED
    scores = score_predictions(labels[is_labelled], logits[is_labelled].argmax(axis=-1), scheme)
    return {name: value for name, value in scores.items() if isinstance(value, float)}


def _last_checkpoint(folder: Path) -> Path | None:
    """Return the last complete checkpoint, if there is one."""
    complete = [path for path in folder.glob("checkpoint-*") if all((path / part).is_file() for part in CHECKPOINT_PARTS)]
    return max(complete, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    """Set environment variables during the block; transformers takes TensorBoard's folder from one."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
