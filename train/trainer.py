"""Train, evaluate and publish one run: `train(config)` → the artefact folder.

Work is done in `.NAME.run` beside the artefact and renamed to NAME when all of it is there, so NAME is always whole. An
interrupted run goes on from its last checkpoint; a finished one is repeated only if config or annotations changed, or `fresh`.
With `if_better` the new model is held to the split of the one that is there, and takes its place only if it is better.
"""

import json
import os
import resource
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import DatasetDict
from safetensors import SafetensorError
from transformers import (
    EarlyStoppingCallback,
    EvalPrediction,
    PreTrainedModel,
    PrinterCallback,
    Trainer,
    TrainingArguments,
)
from transformers.trainer_utils import set_seed

from labels.errors import ConfigError, OutputError, write_whole, writing
from labels.scheme import LabelScheme, load_scheme
from models.artefact import SCHEME, WEIGHTS, read_artefact
from models.backbones import locate_backbone
from models.calibration import choose_threshold, fit_temperature, fold_temperature
from models.card import write_card
from models.classifier import build_classifier, load_classifier, save_classifier
from models.contexts import IGNORED, ArticleTokenizer
from models.tagger import Tagger
from train.config import TrainConfig
from train.data import collate_rows, corpus_folders, describe_split, encode_split, flat, load_splits, of_labelled
from train.evaluation import evaluate_tagger, score_predictions
from train.figures import confusion_png, reliability_png
from train.progress import ProgressReport, say

CONFIG, SPLIT, METRICS, TRAINING = "train_config.yaml", "split.json", "metrics.json", "training.json"
CHECKPOINT_PARTS = ("trainer_state.json", WEIGHTS, "optimizer.pt", "scheduler.pt")
IS_MAIN = os.environ.get("RANK", "0") == "0"  # torchrun starts one process a rank; the first one writes


def train(config: TrainConfig, *, fresh: bool = False, if_better: bool = False) -> Path:
    """Run a config from annotations to the artefact folder `output_dir/name`.

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
    there = corpus_folders(config.data)
    for folder in config.data.attached:
        if IS_MAIN and folder not in there:
            say(
                f"{folder}: no texts here, going on without; python -m scripts.attach_corpus --corpus {folder.name} --from PATH"
            )
    backbone = locate_backbone(config.model.backbone, config.model.backbone_sha256)
    arguments = _arguments(config, run)
    try:
        with writing(run):
            with arguments.main_process_first(local=False):
                if IS_MAIN:
                    _open_run(run, record, discard=fresh)
            if not (run / WEIGHTS).is_file():
                _fit(config, scheme, splits, backbone, arguments, run)
            if IS_MAIN:
                _evaluate(config, splits, run)
                if if_better and not _is_better(run, final, splits):
                    shutil.rmtree(run)
                else:
                    _publish(run, final)
    except SafetensorError as error:
        raise OutputError(f"{run}: the weights cannot be written: {error}; free some space and run again") from error
    return final


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


def _arguments(config: TrainConfig, run: Path) -> TrainingArguments:
    os.environ["TENSORBOARD_LOGGING_DIR"] = str(run / "logs")
    defaults: dict[str, Any] = {
        "per_device_train_batch_size": 32,
        "per_device_eval_batch_size": 64,
        "train_sampling_strategy": "group_by_length",
        "dataloader_pin_memory": False,
        "logging_strategy": "epoch",
        "report_to": "none",
        "ddp_find_unused_parameters": config.model.context != "single",
        "disable_tqdm": True,
        # Said outright, or torchrun's processes never meet on a machine without an accelerator.
        "use_cpu": not torch.accelerator.is_available(),
        "bf16": _has_half_width_products(),
    }
    try:
        return TrainingArguments(
            **defaults | config.training,
            output_dir=str(run / "checkpoints"),
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


def _has_half_width_products() -> bool:
    """Say whether bfloat16 pays here: a graphics card that knows it, or a processor with a unit for it (else it is slower)."""
    if torch.accelerator.is_available():
        return torch.cuda.is_available() and bool(torch.cuda.is_bf16_supported())
    found: dict[str, Any] = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(found.get("amx_bf16"))


def _fit(
    config: TrainConfig, scheme: LabelScheme, splits: DatasetDict, backbone: str, arguments: TrainingArguments, run: Path
) -> None:
    """Fine-tune, resuming if there is a checkpoint, and save the best epoch's weights."""
    set_seed(config.seed)
    model, tokenizer = build_classifier(
        backbone, scheme, config.model.context, config.model.max_length, config.model.freeze_word_embeddings
    )
    if arguments.bf16 and arguments.device.type == "cpu":  # there, the fused attention is the slower one
        model.base_model.set_attn_implementation("eager")
    articles = ArticleTokenizer.of(tokenizer, config.model.context)
    encoded = {name: encode_split(splits[name], articles) for name in ("train", "validation")}
    trainer = Trainer(
        model,
        arguments,
        data_collator=partial(collate_rows, pad_id=articles.pad_id),
        train_dataset=encoded["train"],
        eval_dataset=encoded["validation"],
        compute_loss_func=_loss(config, splits, scheme),
        compute_metrics=partial(_scores, scheme=scheme),
        callbacks=[EarlyStoppingCallback(config.evaluation.patience), ProgressReport()],
    )
    trainer.remove_callback(PrinterCallback)
    if config.model.head_learning_rate is not None:
        trainer.optimizer = _optimizer(model, arguments, config.model.head_learning_rate)
    checkpoint = _last_checkpoint(run / "checkpoints")
    if IS_MAIN:
        sentences = sum(map(len, splits["train"]["texts"]))
        say(f"training {config.name} on {sentences} sentences" + (f", going on from {checkpoint.name}" if checkpoint else ""))
    start = time.monotonic()
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if not IS_MAIN:
        return
    facts = {
        "seconds": round(time.monotonic() - start, 1),
        "epochs": round(trainer.state.epoch or 0, 2),
        "resumed": checkpoint is not None,
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "processes": arguments.world_size,
        "threads": torch.get_num_threads(),
        "bf16": arguments.bf16,
        "device": str(arguments.device),
    }
    write_whole(run / TRAINING, json.dumps(facts, indent=1) + "\n")
    save_classifier(model, tokenizer, config.data.scheme, run)


def _optimizer(model: PreTrainedModel, arguments: TrainingArguments, head_learning_rate: float) -> torch.optim.Optimizer:
    """Return the optimizer of `arguments` with a learning rate of its own for the layers on the encoder.

    Biases and norms do not decay.
    """
    encoder = {id(parameter) for parameter in model.base_model.parameters()}
    groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    for parameter in model.parameters():
        if parameter.requires_grad:
            rate = arguments.learning_rate if id(parameter) in encoder else head_learning_rate
            decay = arguments.weight_decay if parameter.ndim > 1 else 0.0
            groups.setdefault((rate, decay), []).append(parameter)
    parts = [{"params": found, "lr": rate, "weight_decay": decay} for (rate, decay), found in groups.items()]
    kind, options = Trainer.get_optimizer_cls_and_kwargs(arguments)
    optimizer: torch.optim.Optimizer = kind(parts, **options)
    return optimizer


def _loss(config: TrainConfig, splits: DatasetDict, scheme: LabelScheme) -> Callable[..., torch.Tensor]:
    """Return cross-entropy over the labelled sentences of a batch, weighted by label if the config says so."""
    counts = np.bincount(flat(splits["train"])[1], minlength=len(scheme.names))
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
        return total / ((labels != IGNORED).sum() if num_items_in_batch is None else num_items_in_batch)

    return loss


def _scores(outcome: EvalPrediction, scheme: LabelScheme) -> dict[str, float]:
    """Score one evaluation of the Trainer: logits [rows, (sentences,) labels] against labels [rows, (sentences)]."""
    logits, labels = np.asarray(outcome.predictions), np.asarray(outcome.label_ids)
    labelled = labels != IGNORED
    found = score_predictions(labels[labelled], logits[labelled].argmax(axis=-1), scheme)
    return {name: value for name, value in found.items() if isinstance(value, float)}


def _last_checkpoint(folder: Path) -> Path | None:
    """Return the last checkpoint that was written to its end."""
    whole = [path for path in folder.glob("checkpoint-*") if all((path / part).is_file() for part in CHECKPOINT_PARTS)]
    return max(whole, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def _evaluate(config: TrainConfig, splits: DatasetDict, run: Path) -> None:
    """Calibrate on validation, then score on test what a plain load of the folder gives; write it all into the folder."""
    artefact = read_artefact(run)
    model, tokenizer = load_classifier(artefact)
    tagger, validation = Tagger.of(model, tokenizer, artefact.scheme), splits["validation"]
    _, gold = flat(validation)
    temperature = fit_temperature(of_labelled(validation, tagger.logits(validation["texts"])), gold)
    fold_temperature(model, temperature)
    probabilities = of_labelled(validation, tagger.probabilities(validation["texts"]))
    model.config.abstain_below = choose_threshold(probabilities, gold, config.evaluation.kept_precision)
    save_classifier(model, tokenizer, config.data.scheme, run)
    evaluation, rows, test_probabilities = evaluate_tagger(Tagger.load(run), splits, config)
    _, test_gold = flat(splits["test"])
    confusion_png(evaluation.confusion, tagger.scheme, run / "confusion.png")
    reliability_png(test_probabilities, test_gold, run / "reliability.png")
    write_whole(run / "predictions.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    facts = json.loads((run / TRAINING).read_text("utf-8"))
    metrics = {"validation_macro_f1": score_predictions(gold, probabilities.argmax(axis=1), tagger.scheme)["macro_f1"]}
    metrics |= {"test": evaluation.as_dict(), "temperature": temperature, "training": facts}
    metrics["corpora"] = list(map(str, corpus_folders(config.data)))
    write_card(run, tagger.scheme, config.model_dump(mode="json"), metrics)
    write_whole(run / METRICS, json.dumps(metrics, indent=1, ensure_ascii=False) + "\n")


def _is_better(run: Path, final: Path, splits: DatasetDict) -> bool:
    """Compare a finished run with the model that is there, on the same validation sentences."""
    standing = Tagger.load(final)
    _, gold = flat(splits["validation"])
    guess = of_labelled(splits["validation"], standing.probabilities(splits["validation"]["texts"])).argmax(axis=1)
    old = score_predictions(gold, guess, standing.scheme)["macro_f1"]
    new = json.loads((run / METRICS).read_text("utf-8"))["validation_macro_f1"]
    say(f"macro F1 on validation: {new:.4f}, before {old:.4f}; the {'new' if new > old else 'old'} model stays")
    return bool(new > old)


def _publish(run: Path, final: Path) -> None:
    """Give the finished run its name; the artefact that had it before goes last."""
    shutil.rmtree(run / "checkpoints", ignore_errors=True)
    old = final.with_name(f".{final.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if final.exists():
        final.rename(old)
    run.rename(final)
    shutil.rmtree(old, ignore_errors=True)
