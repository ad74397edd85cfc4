"""Speed of training and tagging against the plain transformers way, in the same run, as ratios.

    python -m scripts.bench [--model models/artifacts/default]

Plain training: Trainer on single sentences in random batches, padded to the longest, nothing frozen. Plain tagging:
`pipeline("text-classification")` over the list of sentences, as its documentation shows it. Both get the same sentences, the
same batch size, the same number of threads; runs alternate and the best of each counts.
"""

import argparse
import itertools
import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from labels.errors import DONE, exit_code

TRAIN_SENTENCES = 512
ROUNDS = 3


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("models/artifacts/default"), metavar="DIR")
    arguments = parser.parse_args()
    return exit_code(lambda: _run(arguments.model))


def _run(model: Path) -> int:
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    from labels.scheme import load_scheme
    from models import Tagger
    from train.config import load_config
    from train.data import load_splits

    config = load_config(model / "train_config.yaml")
    Tagger.load(model)  # says what is wrong before any work is done
    splits = load_splits(config.data, load_scheme(config.data.scheme))
    articles = splits["test"]["texts"]
    print(f"tagging {sum(map(len, articles))} sentences of {len(articles)} articles, sentences a second")
    _compare(_tag_ours(model, articles), _tag_plain(model, articles), sum(map(len, articles)))
    print(f"training, one epoch of {TRAIN_SENTENCES} sentences, sentences a second")
    ours, plain = (partial(_train, config, splits, plainly) for plainly in (False, True))
    _compare(ours, plain, TRAIN_SENTENCES)
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


def _tag_ours(model: Path, articles: list[list[str]]) -> Callable[[], Any]:
    from models import Tagger

    return partial(Tagger.load(model).probabilities, articles)


def _tag_plain(model: Path, articles: list[list[str]]) -> Callable[[], Any]:
    from transformers import pipeline

    tagger = pipeline("text-classification", model=str(model), top_k=None)
    return lambda: tagger(list(itertools.chain.from_iterable(articles)), truncation=True)


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
        data = encode_split(splits["train"], tokenizer, "single", config.model.max_length).select(range(TRAIN_SENTENCES))
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
