"""Measure the speed of training and tagging, beside other tools in the same run.

    python -m scripts.bench.speed --model models/artifacts/real             training
    python -m scripts.bench.speed --peers --model models/artifacts/real     tagging

Training is compared with a plain transformers Trainer: single sentences in random batches, padded to the longest, nothing
frozen. Both get the same sentences, batch size and threads; runs alternate, and the fastest of each counts.

Tagging is measured with torch and with the exported models, beside other tools, on the articles of the validation split. These
also show how often the exported models give the label of the trained one. The result is written to docs/measured/bench.json,
which docs/archives.md shows. Needs the optional groups: pip install 'newsvoice[train,peers]'; a tool that is not installed is
left out.
"""

import argparse
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labels.commands import DONE, command, execute
from labels.files import write_whole
from models import DEFAULT_MODEL
from scripts.bench.shared import in_separate_process
from scripts.bench.tools import measure
from scripts.tables import MEASURED, bench_table

if TYPE_CHECKING:
    from datasets import Dataset

    from models import Tagger
    from train.config import TrainConfig

TRAIN_SENTENCES = 512
ROUNDS = 3
SIDE = 2048  # rows and columns of the matrices whose product measures the machine


def main() -> int:
    """Run the command line; return its exit code."""
    parser = command(__doc__)
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL, metavar="DIR", help="default: %(default)s")
    parser.add_argument("--peers", action="store_true", help="measure tagging, beside other tools, instead of training")
    return execute(parser, _run)


def _run(arguments: argparse.Namespace) -> int:
    from labels.scheme import load_scheme
    from models import Tagger
    from train.config import load_config
    from train.data import load_splits

    config = load_config(arguments.model / "train_config.yaml")
    tagger = Tagger.load(arguments.model)  # first, so that a broken model is reported before any work is done
    splits = load_splits(config.data, load_scheme(config.data.scheme))
    if arguments.peers:
        _measure_tagging(arguments.model, tagger, splits["validation"])
    else:
        _compare_training(config, splits["train"])
    return DONE


def _compare_training(config: "TrainConfig", train: "Dataset") -> None:
    print(f"training, one epoch of {TRAIN_SENTENCES} sentences, sentences a second")
    seconds: dict[str, list[float]] = {"ours": [], "plain": []}
    for _ in range(ROUNDS):
        for name, train_once in (("ours", _train_ours), ("plain", _train_plainly)):
            start = time.perf_counter()
            train_once(config, train)
            seconds[name].append(time.perf_counter() - start)
    rates = {name: TRAIN_SENTENCES / min(times) for name, times in seconds.items()}
    print(f"  ours {rates['ours']:7.1f}   plain {rates['plain']:7.1f}   ratio {rates['ours'] / rates['plain']:.2f}")


def _measure_tagging(model: Path, tagger: "Tagger", validation: "Dataset") -> None:
    """Measure the speed of all tools, score our predictions, write and print the result."""
    import numpy as np

    from models.calibration import calibration_error
    from train.data import labelled_sentences, labelled_values
    from train.evaluation import score_predictions

    articles, (_, gold) = list(validation["texts"]), labelled_sentences(validation)
    rows = measure(model, articles)
    trained_labels = labelled_values(validation, rows[0]["probabilities"]).argmax(axis=1)
    for row in rows:
        if "probabilities" in row:
            probabilities = labelled_values(validation, row.pop("probabilities"))
            labels = probabilities.argmax(axis=1)
            row["same_label"] = float(np.mean(labels == trained_labels))
            row["macro_f1"] = score_predictions(gold, labels, tagger.scheme)["macro_f1"]
            row["ece"] = calibration_error(probabilities, gold)
    peak, _ = in_separate_process(_peak_operations_a_second)
    needed = _operations(tagger, articles) / sum(map(len, articles))
    measured = {
        "model": model.name,
        "articles": len(articles),
        "sentences": sum(map(len, articles)),
        "cores": os.cpu_count(),
        "peak_gflops": peak / 1e9,
        "gflop_a_sentence": needed / 1e9,
        "stages": _stages(tagger, articles),
        "rows": rows,
    }
    write_whole(MEASURED / "bench.json", json.dumps(measured, indent=1) + "\n")
    print(bench_table())


def _peak_operations_a_second() -> float:
    """Return the floating-point operations a second of this machine's fastest product of two square matrices."""
    import torch

    first, second, seconds = torch.rand(SIDE, SIDE), torch.rand(SIDE, SIDE), []
    for _ in range(8):
        start = time.perf_counter()
        first @ second
        seconds.append(time.perf_counter() - start)
    return 2.0 * SIDE**3 / min(seconds)


def _operations(tagger: "Tagger", articles: Sequence[Sequence[str]]) -> float:
    """Return the number of floating-point operations that tagging the articles takes, padding included."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode, sdpa_flop

    attention = {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: sdpa_flop}  # the counter does not know it
    with FlopCounterMode(display=False, custom_mapping=attention) as counter:
        tagger.probabilities(articles)
    return float(counter.get_total_flops())


def _stages(tagger: "Tagger", articles: Sequence[Sequence[str]]) -> dict[str, float]:
    """Return the seconds that each stage of tagging takes with torch, one after the other."""
    from labels.articles.boilerplate import find_boilerplate
    from models.contexts import collate
    from models.tagger import batched

    seconds: dict[str, float] = {}

    def timed(stage: str, work: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        result = work()
        seconds[stage] = time.perf_counter() - start
        return result

    boilerplate = timed("boilerplate rules", lambda: [find_boilerplate(texts) for texts in articles])
    shown = [
        [text for text, is_boilerplate in zip(texts, flags, strict=True) if not is_boilerplate]
        for texts, flags in zip(articles, boilerplate, strict=True)
    ]
    rows = timed("tokenising", lambda: [row for texts in shown for row in tagger.tokenizer.encode(texts)])
    batches = list(batched(list(enumerate(rows)), tagger.batch_tokens))
    inputs = timed("padding", lambda: [collate([row for _, row in batch], tagger.tokenizer.pad_id) for batch in batches])
    timed("the encoder", lambda: list(tagger.forward(inputs)))
    return seconds


def _train_ours(config: "TrainConfig", train: "Dataset") -> None:
    """Train on single sentences as the project does."""
    from labels.scheme import load_scheme
    from models.backbones import locate_backbone
    from models.classifier import build_classifier
    from models.contexts import ArticleTokenizer
    from train.data import collate_rows, encode_split

    backbone, scheme = locate_backbone(config.model.backbone), load_scheme(config.data.scheme)
    model, tokenizer = build_classifier(
        backbone, scheme, "single", config.model.max_length, config.model.freeze_word_embeddings
    )
    rows = encode_split(train, ArticleTokenizer.from_transformers(tokenizer, "single")).select(range(TRAIN_SENTENCES))
    _train_one_epoch(model, rows, partial(collate_rows, pad_id=tokenizer.pad_token_id), "group_by_length")


def _train_plainly(config: "TrainConfig", train: "Dataset") -> None:
    """Train on the same sentences as the documentation of transformers shows it."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding

    from labels.scheme import load_scheme
    from models.backbones import locate_backbone

    backbone, scheme = locate_backbone(config.model.backbone), load_scheme(config.data.scheme)
    tokenizer = AutoTokenizer.from_pretrained(backbone)
    model = AutoModelForSequenceClassification.from_pretrained(backbone, num_labels=len(scheme.names))
    texts, labels = (list(itertools.chain.from_iterable(train[column])) for column in ("texts", "labels"))
    encoded = tokenizer(texts[:TRAIN_SENTENCES], truncation=True, max_length=config.model.max_length)
    rows = [{"input_ids": ids, "labels": label} for ids, label in zip(encoded["input_ids"], labels, strict=False)]
    _train_one_epoch(model, rows, DataCollatorWithPadding(tokenizer), "random")


def _train_one_epoch(model: Any, rows: Any, collator: Any, sampling: str) -> None:
    from transformers import Trainer, TrainingArguments

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            num_train_epochs=1,
            per_device_train_batch_size=32,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            logging_strategy="no",
            remove_unused_columns=False,
            dataloader_pin_memory=False,
            train_sampling_strategy=sampling,
        )
        Trainer(model, arguments, train_dataset=rows, data_collator=collator).train()


if __name__ == "__main__":
    sys.exit(main())
