"""Finish a trained run: `evaluate_run` calibrates and scores it, `is_better` compares it, `publish` gives it its name."""

import json
import shutil
from pathlib import Path

from datasets import DatasetDict

from labels.files import located, replace_folder, write_whole
from models.artifact import read_artifact
from models.calibration import choose_threshold, fit_temperature, fold_temperature
from models.classifier import load_classifier, save_classifier
from models.model_card import write_card
from models.tagger import Tagger
from train.config import TrainConfig
from train.data import corpus_folders, labelled_sentences, labelled_values
from train.evaluation import evaluate_tagger, score_predictions
from train.figures import confusion_png, reliability_png
from train.fit import CHECKPOINTS, TRAINING
from train.progress import say

METRICS = "metrics.json"


def evaluate_run(config: TrainConfig, splits: DatasetDict, run: Path) -> None:
    """Calibrate on validation, then score the saved model on test; write scores, predictions, pictures and card into `run`."""
    artifact = read_artifact(run)
    model, tokenizer = load_classifier(artifact)
    tagger, validation = Tagger.from_model(model, tokenizer, artifact.scheme), splits["validation"]
    _, gold = labelled_sentences(validation)
    temperature = fit_temperature(labelled_values(validation, tagger.logits(validation["texts"])), gold)
    fold_temperature(model, temperature)
    probabilities = labelled_values(validation, tagger.probabilities(validation["texts"]))
    model.config.abstain_below = choose_threshold(probabilities, gold, config.evaluation.kept_precision)
    save_classifier(model, tokenizer, located(config.data.scheme), run)
    evaluation, rows, test_probabilities = evaluate_tagger(Tagger.load(run), splits, config)
    _, test_gold = labelled_sentences(splits["test"])
    confusion_png(evaluation.confusion, tagger.scheme, run / "confusion.png")
    reliability_png(test_probabilities, test_gold, run / "reliability.png")
    write_whole(run / "predictions.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    metrics = {
        "validation_macro_f1": score_predictions(gold, probabilities.argmax(axis=1), tagger.scheme)["macro_f1"],
        "test": evaluation.as_dict(),
        "temperature": temperature,
        "training": json.loads((run / TRAINING).read_text("utf-8")),
        "corpora": list(map(str, corpus_folders(config.data))),
    }
    write_card(run, tagger.scheme, config.model_dump(mode="json"), metrics)
    write_whole(run / METRICS, json.dumps(metrics, indent=1, ensure_ascii=False) + "\n")


def is_better(run: Path, final: Path, splits: DatasetDict) -> bool:
    """Return whether a scored run has a higher macro F1 on validation than the model in `final`."""
    old_tagger, validation = Tagger.load(final), splits["validation"]
    _, gold = labelled_sentences(validation)
    probabilities = labelled_values(validation, old_tagger.probabilities(validation["texts"]))
    old = score_predictions(gold, probabilities.argmax(axis=1), old_tagger.scheme)["macro_f1"]
    new = json.loads((run / METRICS).read_text("utf-8"))["validation_macro_f1"]
    say(f"macro F1 on validation: new model {new:.4f}, old model {old:.4f}; the {'new' if new > old else 'old'} one is kept")
    return bool(new > old)


def publish(run: Path, final: Path) -> None:
    """Rename a finished run to `final`, without its checkpoints; an artifact of that name is replaced."""
    shutil.rmtree(run / CHECKPOINTS, ignore_errors=True)
    replace_folder(run, final)
