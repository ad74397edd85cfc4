"""What a run leaves behind: calibrate and score it, and give it its name: `evaluate_run`, `is_better`, `publish`."""

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
from train.data import corpus_folders, flat, of_labelled
from train.evaluation import evaluate_tagger, score_predictions
from train.figures import confusion_png, reliability_png
from train.fit import CHECKPOINTS, TRAINING
from train.progress import say

METRICS = "metrics.json"


def evaluate_run(config: TrainConfig, splits: DatasetDict, run: Path) -> None:
    """Calibrate on validation, then score on test what a plain load of the folder gives; write it all into the folder."""
    artifact = read_artifact(run)
    model, tokenizer = load_classifier(artifact)
    tagger, validation = Tagger.of(model, tokenizer, artifact.scheme), splits["validation"]
    _, gold = flat(validation)
    temperature = fit_temperature(of_labelled(validation, tagger.logits(validation["texts"])), gold)
    fold_temperature(model, temperature)
    probabilities = of_labelled(validation, tagger.probabilities(validation["texts"]))
    model.config.abstain_below = choose_threshold(probabilities, gold, config.evaluation.kept_precision)
    save_classifier(model, tokenizer, located(config.data.scheme), run)
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


def is_better(run: Path, final: Path, splits: DatasetDict) -> bool:
    """Compare a finished run with the model that is there, on the same validation sentences."""
    standing = Tagger.load(final)
    _, gold = flat(splits["validation"])
    guess = of_labelled(splits["validation"], standing.probabilities(splits["validation"]["texts"])).argmax(axis=1)
    old = score_predictions(gold, guess, standing.scheme)["macro_f1"]
    new = json.loads((run / METRICS).read_text("utf-8"))["validation_macro_f1"]
    say(f"macro F1 on validation: {new:.4f}, before {old:.4f}; the {'new' if new > old else 'old'} model stays")
    return bool(new > old)


def publish(run: Path, final: Path) -> None:
    """Give the finished run its name; the artifact that had it before goes last, and stays if the renaming fails."""
    shutil.rmtree(run / CHECKPOINTS, ignore_errors=True)
    replace_folder(run, final)
