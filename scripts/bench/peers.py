"""Train and score other tools on the split of a config, beside the config's own model, in one run.

    python -m scripts.bench.peers configs/real.yaml
    python -m scripts.bench.peers configs/real.yaml --only tfidf fasttext

Needs the optional groups: pip install 'newsvoice[train,peers]'. A peer whose library is missing is left out, with a message. A
peer runs in a separate process, so that its memory can be measured. Training counts from the sentences to the first prediction,
loading of libraries and encoders included. All get the boilerplate rules. Peers keep their usual settings, while the config's
were chosen on its validation split. After each peer the rows are written to docs/measured/peers.json, which docs/results.md
shows; rows of an earlier call with the same config and split are kept.
"""

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np

from labels.articles.boilerplate import find_boilerplate
from labels.commands import DONE, command, execute
from labels.files import write_whole
from labels.scheme import LabelScheme, load_scheme
from models.arrays import Ints
from scripts.bench.rivals import CLAIM_FINDERS, CLASSIFIERS, Predict
from scripts.bench.shared import ATTRIBUTED, CLAIM, in_separate_process, need_labels
from scripts.tables import MEASURED, peers_table
from train.config import TrainConfig, load_config

PATH = MEASURED / "peers.json"
PEERS = ("ours", *CLASSIFIERS, *CLAIM_FINDERS)


def main() -> int:
    """Run the command line; return its exit code."""
    parser = command(__doc__)
    parser.add_argument("config", type=Path, metavar="CONFIG")
    parser.add_argument("--only", nargs="+", choices=PEERS, default=PEERS, metavar="PEER", help=f"some of {', '.join(PEERS)}")
    return execute(parser, _run)


def _run(arguments: argparse.Namespace) -> int:
    return compare_peers(load_config(arguments.config), arguments.only)


def compare_peers(config: TrainConfig, peers: Sequence[str]) -> int:
    """Train and score some of PEERS, write and print the rows; return an exit code."""
    from train.data import describe_split, load_splits

    scheme = load_scheme(config.data.scheme)
    need_labels(scheme, ATTRIBUTED, str(config.data.scheme))
    split = describe_split(load_splits(config.data, scheme), config.data)
    digest = hashlib.sha256(split.encode() + config.to_yaml().encode()).hexdigest()
    earlier = json.loads(PATH.read_text(encoding="utf-8")) if PATH.exists() else {}
    rows = earlier["rows"] if earlier.get("run") == digest else {}
    for name in peers:
        print(f"{name} ...", file=sys.stderr)
        try:
            if name == "ours":
                row, memory = in_separate_process(_ours, config)
            else:
                row, memory = in_separate_process(_peer, config, name)
            rows[name] = row | {"memory_mb": memory}
        except (ModuleNotFoundError, BrokenProcessPool) as error:
            print(f"{name} left out: {error}", file=sys.stderr)
        write_whole(PATH, json.dumps({"run": digest, "rows": rows}, indent=1) + "\n")
    print(peers_table())
    return DONE


def _ours(config: TrainConfig) -> dict[str, Any]:
    """Train the config again, and score the saved model on whole articles."""
    from models import Tagger
    from train.data import load_splits
    from train.run import train

    test = load_splits(config.data, load_scheme(config.data.scheme))["test"]
    start = time.perf_counter()
    tagger = Tagger.load(train(config.model_copy(update={"name": f"{config.name}-beside-peers"}), fresh=True))
    tagger.probabilities(test["texts"][:1])
    ready = time.perf_counter()
    predicted = np.concatenate(tagger.probabilities(test["texts"])).argmax(axis=1)
    row = _row(f"`{config.name}`, sentences in their articles", test, predicted, tagger.scheme, time.perf_counter() - ready)
    return row | {"training_seconds": ready - start}


def _peer(config: TrainConfig, name: str) -> dict[str, Any]:
    """Train one peer and score it."""
    from train.data import labelled_sentences, load_splits

    scheme = load_scheme(config.data.scheme)
    splits = load_splits(config.data, scheme)
    test = splits["test"]
    texts, labels = labelled_sentences(splits["train"])
    start = time.perf_counter()
    if name in CLASSIFIERS:
        title, fit = CLASSIFIERS[name]
        predict = fit(texts, labels, config)
    else:
        title, is_claim = CLAIM_FINDERS[name]
        predict = _as_labels(is_claim, scheme)
    predict(test["texts"][0])
    ready = time.perf_counter()
    predicted = _with_rules(predict, test["texts"], scheme)
    row = _row(title, test, predicted, scheme, time.perf_counter() - ready)
    if name in CLASSIFIERS:
        return row | {"training_seconds": ready - start}
    return row | {"training_seconds": None, "macro_f1": None, "per_label": {CLAIM: row["per_label"][CLAIM]}}


def _as_labels(is_claim: Predict, scheme: LabelScheme) -> Predict:
    """Return a function that predicts claim or fact."""
    return lambda texts: np.where(is_claim(texts), scheme.label2id[CLAIM], scheme.label2id["fact"])


def _with_rules(predict: Predict, articles: Sequence[Sequence[str]], scheme: LabelScheme) -> Ints:
    """Predict as the tagger does: sentences that a rule recognises as boilerplate are not shown to the peer."""
    texts = [text for article in articles for text in article]
    if scheme.boilerplate_label is None:
        return predict(texts)
    is_shown = ~np.concatenate([find_boilerplate(article) for article in articles])
    predicted = np.full(len(texts), scheme.label2id[scheme.boilerplate_label])
    predicted[is_shown] = predict([text for text, shown in zip(texts, is_shown, strict=True) if shown])
    return predicted


def _row(title: str, test: Any, predicted: Ints, scheme: LabelScheme, seconds: float) -> dict[str, Any]:
    from sklearn.metrics import f1_score

    from train.data import labelled_sentences, labelled_values
    from train.evaluation import score_predictions

    _, gold = labelled_sentences(test)
    predicted = labelled_values(test, [predicted])
    scores = score_predictions(gold, predicted, scheme)
    attributed = [scheme.label2id[label] for label in ATTRIBUTED]
    return {
        "title": title,
        "n": len(gold),
        "macro_f1": scores["macro_f1"],
        "per_label": {label: of_label["f1"] for label, of_label in scores["per_label"].items()},
        "attributed_f1": float(f1_score(np.isin(gold, attributed), np.isin(predicted, attributed))),
        "sentences_per_second": len(gold) / seconds,
    }


if __name__ == "__main__":
    sys.exit(main())
