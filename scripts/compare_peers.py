"""Train and score other ways on the split of a config, beside its model, in one run.

    python -m scripts.compare_peers configs/real.yaml
    python -m scripts.compare_peers configs/real.yaml --only tfidf fasttext

Needs the optional group: pip install -e '.[peers]'. A peer whose library is missing is skipped, and said to be. Each runs in a
process of its own, so that memory is its own. The table is kept in scripts/measured/peers.json, which the README shows.
"""

import argparse
import json
import multiprocessing
import re
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from labels.errors import DONE, exit_code, write_whole
from labels.scheme import LabelScheme, load_scheme
from models.calibration import Ints
from scripts.tables import MEASURED, peers_table
from train.config import TrainConfig, load_config

Predict = Callable[[Sequence[str]], Ints]
CLAIM = "quoted_claim"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, metavar="CONFIG")
    parser.add_argument(
        "--only", nargs="+", choices=[*PEERS, *CLAIM_FINDERS], metavar="PEER", help=f"of {', '.join([*PEERS, *CLAIM_FINDERS])}"
    )
    arguments = parser.parse_args()
    return exit_code(lambda: _run(arguments.config, arguments.only))


def _run(path: Path, only: Sequence[str] | None) -> int:
    from train.trainer import train

    config = load_config(path)
    rows = [_ours(config, train(config))]
    for name in only or [*PEERS, *CLAIM_FINDERS]:
        print(f"{name} ...", file=sys.stderr)
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            rows.append(pool.apply(_measure, (name, config)))
    write_whole(MEASURED / "peers.json", json.dumps(rows, indent=1) + "\n")
    print(peers_table())
    return DONE


def _ours(config: TrainConfig, folder: Path) -> dict[str, Any]:
    """Score the config's own model as it would be used: loaded from its folder, articles whole."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        row = pool.apply(_tag, (config, folder))
    facts = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["training"]
    return row | {"training_seconds": facts["seconds"], "memory_mb": max(row["memory_mb"], facts["peak_memory_mb"])}


def _tag(config: TrainConfig, folder: Path) -> dict[str, Any]:
    from models import Tagger
    from train.baselines import flat
    from train.data import load_splits

    tagger = Tagger.load(folder)
    test = load_splits(config.data, tagger.scheme)["test"]
    _, gold = flat(test)
    tagger.probabilities(test["texts"][:2])
    start = time.perf_counter()
    predicted = np.concatenate(tagger.probabilities(test["texts"])).argmax(axis=1)
    return _row(config.name, gold, predicted, tagger.scheme, time.perf_counter() - start)


def _measure(name: str, config: TrainConfig) -> dict[str, Any]:
    """Train one peer and score it, in this process."""
    from train.baselines import flat
    from train.data import load_splits

    scheme = load_scheme(config.data.scheme)
    splits = load_splits(config.data, scheme)
    (texts, labels), (test, gold) = (flat(splits[split]) for split in ("train", "test"))
    try:
        start = time.perf_counter()
        if name in PEERS:
            predict = PEERS[name](texts, labels, config)
        else:
            claim = scheme.label2id[CLAIM]
            find = CLAIM_FINDERS[name]()
            predict = lambda given: np.where(find(given), claim, -1)  # noqa: E731
        fitted = time.perf_counter()
        predict(test[:64])
        ready = time.perf_counter()
        predicted = predict(test)
    except (ImportError, OSError) as error:
        return {"name": name, "skipped": f"{error}"}
    row = _row(name, gold, predicted, scheme, time.perf_counter() - ready)
    if name in CLAIM_FINDERS:
        return row | {"training_seconds": 0.0, "macro_f1": None, "per_label": {CLAIM: row["per_label"][CLAIM]}}
    return row | {"training_seconds": fitted - start}


def _row(name: str, gold: Ints, predicted: Ints, scheme: LabelScheme, seconds: float) -> dict[str, Any]:
    from train.evaluation import score_predictions

    scores = score_predictions(gold, predicted, scheme)
    return {
        "name": name,
        "n": len(gold),
        "macro_f1": scores["macro_f1"],
        "per_label": {label: found["f1"] for label, found in scores["per_label"].items()},
        "sentences_per_second": len(gold) / seconds,
        "memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def _tfidf(texts: list[str], labels: Ints, config: TrainConfig) -> Predict:
    """Words, 1- to 3-grams, and logistic regression."""
    from train.baselines import tfidf_classifier

    fitted: Predict = tfidf_classifier(config.seed, ngrams=3).fit(texts, labels).predict
    return fitted


def _fasttext(texts: list[str], labels: Ints, config: TrainConfig) -> Predict:
    import fasttext

    def line(text: str) -> str:
        return " ".join(re.findall(r"\w+|[^\w\s]", text.lower()))

    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.writelines(f"__label__{label} {line(text)}\n" for text, label in zip(texts, labels, strict=True))
        file.flush()
        model = fasttext.train_supervised(
            file.name, epoch=25, lr=0.5, wordNgrams=2, minn=2, maxn=5, dim=100, seed=config.seed, thread=2, verbose=0
        )
    return lambda given: np.array(
        [int(found[0].removeprefix("__label__")) for found in model.predict([line(text) for text in given])[0]]
    )


def _spacy(texts: list[str], labels: Ints, config: TrainConfig) -> Predict:
    """spaCy's text categoriser, its default for exclusive labels: bag of words and a convolutional network."""
    import random

    import spacy
    from spacy.training import Example
    from spacy.util import compounding, minibatch

    spacy.util.fix_random_seed(config.seed)
    nlp = spacy.blank("en")
    categorizer = nlp.add_pipe("textcat")
    names = [str(label) for label in sorted(set(labels.tolist()))]
    examples = [
        Example.from_dict(nlp.make_doc(text), {"cats": {name: float(name == str(label)) for name in names}})
        for text, label in zip(texts, labels, strict=True)
    ]
    for name in names:
        categorizer.add_label(name)
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(8):
        random.shuffle(examples)
        for batch in minibatch(examples, size=compounding(8.0, 64.0, 1.01)):
            nlp.update(batch, sgd=optimizer, drop=0.2)
    return lambda given: np.array([int(max(doc.cats, key=doc.cats.__getitem__)) for doc in nlp.pipe(given)])


def _setfit(texts: list[str], labels: Ints, config: TrainConfig) -> Predict:
    """SetFit on the same encoder: contrastive pairs of 64 examples a label, then logistic regression on all of train."""
    from datasets import Dataset
    from sentence_transformers import SentenceTransformer, models
    from setfit import SetFitModel, Trainer, TrainingArguments, sample_dataset
    from sklearn.linear_model import LogisticRegression

    from models.backbones import locate_backbone

    word = models.Transformer(locate_backbone(config.model.backbone), max_seq_length=config.model.max_length)
    body = SentenceTransformer(modules=[word, models.Pooling(word.get_word_embedding_dimension())], device="cpu")
    model = SetFitModel(model_body=body, model_head=LogisticRegression(max_iter=1000, class_weight="balanced"))
    few = sample_dataset(Dataset.from_dict({"text": texts, "label": labels.tolist()}), num_samples=64, seed=config.seed)
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder, batch_size=32, max_steps=400, seed=config.seed, report_to="none", save_strategy="no"
        )
        Trainer(model=model, args=arguments, train_dataset=few).train()
    model.model_head.fit(body.encode(texts, batch_size=64), labels)
    return lambda given: np.asarray(model.model_head.predict(body.encode(list(given), batch_size=64)))


def _frozen(texts: list[str], labels: Ints, config: TrainConfig) -> Predict:
    """The same encoder as it is, mean-pooled, and logistic regression."""
    import torch
    from sklearn.linear_model import LogisticRegression
    from transformers import AutoModel, AutoTokenizer

    from models.backbones import locate_backbone

    folder = locate_backbone(config.model.backbone)
    tokenizer, encoder = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()

    def embed(given: Sequence[str]) -> Any:
        order = sorted(range(len(given)), key=lambda i: len(given[i]))
        vectors = np.zeros((len(given), encoder.config.hidden_size), dtype=np.float32)
        for begin in range(0, len(order), 64):
            part = order[begin : begin + 64]
            inputs = tokenizer(
                [given[i] for i in part], padding=True, truncation=True, max_length=config.model.max_length, return_tensors="pt"
            )
            with torch.inference_mode():
                hidden = encoder(**inputs).last_hidden_state
            mask = inputs["attention_mask"][..., None]
            vectors[part] = ((hidden * mask).sum(1) / mask.sum(1)).numpy()
        return vectors

    head = LogisticRegression(C=10, max_iter=3000, class_weight="balanced", random_state=config.seed).fit(embed(texts), labels)
    return lambda given: np.asarray(head.predict(embed(given)))


def _quote_rules() -> Callable[[Sequence[str]], Ints]:
    """A quotation mark, "according to", or a verb of speech: what a newsroom script would do."""
    rule = re.compile(
        r"[\"“”]|\baccording to\b|\b(say|says|said|saying|told|tells|add(s|ed)|claim(s|ed)?|argue[sd]?|warn(s|ed)|"
        r"insist(s|ed)|den(y|ies|ied)|announce[sd]|tweet(s|ed)|wrote|writes|state[sd]|explain(s|ed)|acknowledge[sd]|report(s|ed)ly|allegedly|testif(y|ied)|believe[sd]?)\b",
        re.IGNORECASE,
    )
    return lambda given: np.array([bool(rule.search(text)) for text in given])


def _textacy() -> Callable[[Sequence[str]], Ints]:
    """textacy's direct quotations; they need spaCy's English pipeline (python -m spacy download en_core_web_sm)."""
    import spacy
    from textacy.extract import direct_quotations

    nlp = spacy.load("en_core_web_sm")

    def quoted(text: str) -> bool:
        try:
            return any(True for _ in direct_quotations(nlp(text)))
        except ValueError:  # an unclosed quotation
            return False

    return lambda given: np.array([quoted(text) for text in given])


PEERS: dict[str, Callable[[list[str], Ints, TrainConfig], Predict]] = {
    "tfidf": _tfidf,
    "fasttext": _fasttext,
    "spacy": _spacy,
    "setfit": _setfit,
    "frozen": _frozen,
}
CLAIM_FINDERS: dict[str, Callable[[], Callable[[Sequence[str]], Ints]]] = {"quote_rules": _quote_rules, "textacy": _textacy}

if __name__ == "__main__":
    sys.exit(main())
