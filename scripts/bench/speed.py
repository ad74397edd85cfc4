"""Speed against the usual ways, in the same run.

    python -m scripts.bench [--model models/artifacts/real]
    python -m scripts.bench --peers --model models/artifacts/real

Training, as a ratio: ours against a Trainer on single sentences in random batches, padded to the longest, nothing frozen; the
same sentences, batch size and threads; runs alternate and the best of each counts. With --peers, tagging: ours with torch and
exported (models/export.py) beside other tools, on the articles of the validation split, which also tell how far the exported
models agree with the trained one; written to scripts/measured/bench.json, which docs/archives.md shows. Needs the optional
groups onnx and peers; a peer that is not installed is left out.
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
from scripts.bench.shared import alone
from scripts.bench.tools import measure
from scripts.tables import MEASURED, bench_table

if TYPE_CHECKING:
    from models import Tagger

TRAIN_SENTENCES = 512
ROUNDS = 3
SIDE = 2048  # of the matrices whose product is the machine's measure


def main() -> int:
    parser = command(__doc__)
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL, metavar="DIR")
    parser.add_argument("--peers", action="store_true", help="tagging beside other tools, instead of training")
    return execute(parser, _run)


def _run(arguments: argparse.Namespace) -> int:
    model, peers = arguments.model, arguments.peers
    from labels.scheme import load_scheme
    from models import Tagger
    from train.config import load_config
    from train.data import load_splits

    config = load_config(model / "train_config.yaml")
    tagger = Tagger.load(model)  # says what is wrong before any work is done
    splits = load_splits(config.data, load_scheme(config.data.scheme))
    if peers:
        return _tag(model, tagger, splits["validation"])
    print(f"training, one epoch of {TRAIN_SENTENCES} sentences, sentences a second")
    _compare(partial(_train, config, splits, plainly=False), partial(_train, config, splits, plainly=True), TRAIN_SENTENCES)
    return DONE


def _compare(ours: Callable[[], Any], plain: Callable[[], Any], sentences: int) -> None:
    seconds: dict[str, list[float]] = {"ours": [], "plain": []}
    for _ in range(ROUNDS):
        for name, work in (("ours", ours), ("plain", plain)):
            start = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - start)
    rates = {name: sentences / min(times) for name, times in seconds.items()}
    print(f"  ours {rates['ours']:7.1f}   plain {rates['plain']:7.1f}   ratio {rates['ours'] / rates['plain']:.2f}")


def _tag(model: Path, tagger: "Tagger", validation: Any) -> int:
    """Measure tagging, score what comes out, and keep it all."""
    import numpy as np

    from models.calibration import calibration_error
    from train.data import flat, of_labelled
    from train.evaluation import score_predictions

    articles, (_, gold) = list(validation["texts"]), flat(validation)
    rows = measure(model, articles)
    trained = of_labelled(validation, rows[0]["probabilities"])
    for row in rows:
        if found := row.pop("probabilities", None):
            probabilities = of_labelled(validation, found)
            labels = probabilities.argmax(axis=1)
            row["same_label"] = float(np.mean(labels == trained.argmax(axis=1)))
            row["macro_f1"] = score_predictions(gold, labels, tagger.scheme)["macro_f1"]
            row["ece"] = calibration_error(probabilities, gold)
    peak, _ = alone(_products_a_second)
    needed = _products(tagger, articles) / sum(map(len, articles))
    kept = {
        "model": model.name,
        "articles": len(articles),
        "sentences": sum(map(len, articles)),
        "cores": os.cpu_count(),
        "peak_gflops": peak / 1e9,
        "gflop_a_sentence": needed / 1e9,
        "stages": _stages(tagger, articles),
        "rows": rows,
    }
    write_whole(MEASURED / "bench.json", json.dumps(kept, indent=1) + "\n")
    print(bench_table())
    return DONE


def _products_a_second() -> float:
    """Return the floating-point operations a second of this machine's best product of two square matrices."""
    import torch

    first, second, seconds = torch.rand(SIDE, SIDE), torch.rand(SIDE, SIDE), []
    for _ in range(8):
        start = time.perf_counter()
        first @ second
        seconds.append(time.perf_counter() - start)
    return 2.0 * SIDE**3 / min(seconds)


def _products(tagger: "Tagger", articles: Sequence[Sequence[str]]) -> float:
    """Return the floating-point operations that tagging the articles takes, padding included."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode, sdpa_flop

    attention = {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: sdpa_flop}  # which the counter does not know
    with FlopCounterMode(display=False, custom_mapping=attention) as counter:
        tagger.probabilities(articles)
    return float(counter.get_total_flops())


def _stages(tagger: "Tagger", articles: Sequence[Sequence[str]]) -> dict[str, float]:
    """Return the seconds that each stage of tagging takes with torch, one after the other."""
    from labels.articles.boilerplate import find_boilerplate
    from models.contexts import collate
    from models.tagger import batched

    seconds: dict[str, float] = {}

    def timed(name: str, work: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        found = work()
        seconds[name] = time.perf_counter() - start
        return found

    known = timed("boilerplate rules", lambda: [find_boilerplate(texts) for texts in articles])
    articles = [[t for t, is_known in zip(*pair, strict=True) if not is_known] for pair in zip(articles, known, strict=True)]
    rows = timed("tokenising", lambda: [row for texts in articles for row in tagger.tokenizer.encode(texts)])
    batches = list(batched(list(enumerate(rows)), tagger.batch_tokens))
    inputs = timed("padding", lambda: [collate([row for _, row in batch], tagger.tokenizer.pad_id) for batch in batches])
    timed("the encoder", lambda: list(tagger.forward(inputs)))
    return seconds


def _train(config: Any, splits: Any, plainly: bool) -> None:
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        Trainer,
        TrainingArguments,
    )

    from labels.scheme import load_scheme
    from models.backbones import locate_backbone
    from models.classifier import build_classifier
    from models.contexts import ArticleTokenizer
    from train.data import collate_rows, encode_split

    backbone, scheme = locate_backbone(config.model.backbone), load_scheme(config.data.scheme)
    tokenizer = AutoTokenizer.from_pretrained(backbone)
    data: Any
    if plainly:
        model = AutoModelForSequenceClassification.from_pretrained(backbone, num_labels=len(scheme.names))
        texts, labels = (list(itertools.chain.from_iterable(splits["train"][key])) for key in ("texts", "labels"))
        rows = tokenizer(texts[:TRAIN_SENTENCES], truncation=True, max_length=config.model.max_length)
        data = [{"input_ids": ids, "labels": label} for ids, label in zip(rows["input_ids"], labels, strict=False)]
        collator: Any = DataCollatorWithPadding(tokenizer)
    else:
        model, tokenizer = build_classifier(
            backbone, scheme, "single", config.model.max_length, config.model.freeze_word_embeddings
        )
        data = encode_split(splits["train"], ArticleTokenizer.of(tokenizer, "single")).select(range(TRAIN_SENTENCES))
        collator = partial(collate_rows, pad_id=tokenizer.pad_token_id)
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
            train_sampling_strategy="random" if plainly else "group_by_length",
        )
        Trainer(model, arguments, train_dataset=data, data_collator=collator).train()


if __name__ == "__main__":
    sys.exit(main())
