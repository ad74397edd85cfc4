"""Train and score other tools on the split of a config, beside the config's own model, in one run.

    python -m scripts.compare_peers configs/real.yaml
    python -m scripts.compare_peers configs/real.yaml --only tfidf fasttext

Needs the optional group: pip install -e '.[peers]'. A peer whose library is missing is left out, and said to be. Each runs in a
process of its own, so that its memory is its own. Seconds of training count from the sentences being read to the first
prediction, loading of libraries and encoders included; all get the boilerplate rules. Peers keep usual settings, while the
config's were chosen on its validation split. After every peer the rows are kept in scripts/measured/peers.json, which
the README shows; rows of an earlier run of the same config on the same split stay.
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
from scripts.bench.shared import ATTRIBUTED, CLAIM, alone, need_labels
from scripts.tables import MEASURED, peers_table
from train.config import TrainConfig, load_config

PATH = MEASURED / "peers.json"
KNOWN = ("ours", *CLASSIFIERS, *CLAIM_FINDERS)


def main() -> int:
    parser = command(__doc__)
    parser.add_argument("config", type=Path, metavar="CONFIG")
    parser.add_argument("--only", nargs="+", choices=KNOWN, default=KNOWN, metavar="PEER", help=f"of {', '.join(KNOWN)}")
    return execute(parser, _run)


def _run(arguments: argparse.Namespace) -> int:
    return compare_peers(load_config(arguments.config), arguments.only)


def compare_peers(config: TrainConfig, peers: Sequence[str]) -> int:
    """Train and score peers beside the config's own model, keep the rows and print them; return an exit code."""
    from train.data import describe_split, load_splits

    scheme = load_scheme(config.data.scheme)
    need_labels(scheme, ATTRIBUTED, str(config.data.scheme))
    run = hashlib.sha256(describe_split(load_splits(config.data, scheme), config.data).encode())
    run.update(config.to_yaml().encode())
    before = json.loads(PATH.read_text(encoding="utf-8")) if PATH.exists() else {}
    rows = before["rows"] if before.get("run") == run.hexdigest() else {}
    for name in peers:
        print(f"{name} ...", file=sys.stderr)
        try:
            row, memory = alone(_ours, config) if name == "ours" else alone(_peer, config, name)
            rows[name] = row | {"memory_mb": memory}
        except (ModuleNotFoundError, BrokenProcessPool) as error:
            print(f"{name} left out: {error}", file=sys.stderr)
        write_whole(PATH, json.dumps({"run": run.hexdigest(), "rows": rows}, indent=1) + "\n")
    print(peers_table())
    return DONE


def _ours(config: TrainConfig) -> dict[str, Any]:
    """Train the config anew, and score it as it is used: loaded from its folder, articles whole."""
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
    from train.data import flat, load_splits

    scheme = load_scheme(config.data.scheme)
    splits = load_splits(config.data, scheme)
    test = splits["test"]
    texts, labels = flat(splits["train"])
    start = time.perf_counter()
    if name in CLASSIFIERS:
        title, fit = CLASSIFIERS[name]
        predict = fit(texts, labels, config)
    else:
        title, finds = CLAIM_FINDERS[name]
        predict = _as_claims(finds, scheme)
    predict(test["texts"][0])
    ready = time.perf_counter()
    predicted = _with_rules(predict, test["texts"], scheme)
    row = _row(title, test, predicted, scheme, time.perf_counter() - ready)
    if name in CLASSIFIERS:
        return row | {"training_seconds": ready - start}
    return row | {"training_seconds": None, "macro_f1": None, "per_label": {CLAIM: row["per_label"][CLAIM]}}


def _as_claims(finds: Predict, scheme: LabelScheme) -> Predict:
    return lambda given: np.where(finds(given), scheme.label2id[CLAIM], scheme.label2id["fact"])


def _with_rules(predict: Predict, articles: Sequence[Sequence[str]], scheme: LabelScheme) -> Ints:
    """Predict as the tagger does: what the rules know for boilerplate is not asked."""
    texts = [text for article in articles for text in article]
    if scheme.boilerplate_label is None:
        return predict(texts)
    asked = ~np.concatenate([find_boilerplate(article) for article in articles])
    predicted = np.full(len(texts), scheme.label2id[scheme.boilerplate_label])
    predicted[asked] = predict([text for text, ask in zip(texts, asked, strict=True) if ask])
    return predicted


def _row(title: str, test: Any, predicted: Ints, scheme: LabelScheme, seconds: float) -> dict[str, Any]:
    from sklearn.metrics import f1_score

    from train.data import flat, of_labelled
    from train.evaluation import score_predictions

    _, gold = flat(test)
    predicted = of_labelled(test, [predicted])
    scores = score_predictions(gold, predicted, scheme)
    attributed = [scheme.label2id[label] for label in ATTRIBUTED]
    return {
        "title": title,
        "n": len(gold),
        "macro_f1": scores["macro_f1"],
        "per_label": {label: found["f1"] for label, found in scores["per_label"].items()},
        "attributed_f1": float(f1_score(np.isin(gold, attributed), np.isin(predicted, attributed))),
        "sentences_per_second": len(gold) / seconds,
    }


if __name__ == "__main__":
    sys.exit(main())
