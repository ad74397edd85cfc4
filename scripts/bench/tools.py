"""Measure how long ours and other tools take to tag the same articles: `measure(model, articles)` → rows.

Each runs in a separate process. Start-up counts from the start of the process to the labels of the first article, with all
imports and loading. Then all articles are tagged in several rounds, and the fastest counts. Other tools get the flat list of
sentences, as their documentation shows it, and the same encoder, except spaCy, which has a model of its own. Speed does not
depend on the values of the weights, so the other tools are hardly trained; scripts/bench/peers.py measures how well they label.
"""

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from scripts.bench.shared import in_separate_process

Articles = Sequence[Sequence[str]]
Tag = Callable[[Articles], Any]

ROUNDS = 3
SAMPLE = 64  # sentences that the other tools are trained on


def measure(model: Path, articles: Articles) -> list[dict[str, Any]]:
    """Return for each tool its title, sentences_per_second, startup_seconds and memory_mb; for ours also probabilities.

    A tool that is not installed has a title, memory_mb of 0, and missing: the name of the module.
    """
    from models.onnx.export import export

    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        export(model, folder / "onnx")
        export(model, folder / "int8", int8=True)
        in_separate_process(_make_tools, model, folder, list(chain.from_iterable(articles))[:SAMPLE])
        for title, load, path in (
            ("ours, torch", _ours, model),
            ("ours, ONNX", _ours, folder / "onnx"),
            ("ours, ONNX in eight bits", _ours, folder / "int8"),
            ("transformers.pipeline, as its documentation shows it", _pipeline, folder / "single"),
            ("SetFit predict", _setfit, folder / "setfit"),
            ("spaCy textcat", _spacy, folder / "spacy"),
        ):
            try:
                row, memory = in_separate_process(_measure, title, load, path, articles, time.time())
            except ModuleNotFoundError as error:
                row, memory = {"title": title, "missing": str(error.name)}, 0
            rows.append(row | {"memory_mb": memory})
    return rows


def _measure(title: str, load: Callable[[Path], Tag], path: Path, articles: Articles, begin: float) -> dict[str, Any]:
    tag = load(path)
    tag(articles[:1])
    startup, seconds = time.time() - begin, []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        output = tag(articles)
        seconds.append(time.perf_counter() - start)
    row = {"title": title, "startup_seconds": startup, "sentences_per_second": sum(map(len, articles)) / min(seconds)}
    if load is _ours:
        row["probabilities"] = output
    return row


def _ours(path: Path) -> Tag:
    from models import Tagger

    return Tagger.load(path).probabilities


def _pipeline(path: Path) -> Tag:
    from transformers import pipeline

    tagger = pipeline("text-classification", model=str(path), top_k=None)
    return lambda articles: tagger(list(chain.from_iterable(articles)), truncation=True)


def _setfit(path: Path) -> Tag:
    from setfit import SetFitModel

    model = SetFitModel.from_pretrained(str(path))
    return lambda articles: model.predict(list(chain.from_iterable(articles)))


def _spacy(path: Path) -> Tag:
    import spacy

    nlp = spacy.load(path)
    return lambda articles: [max(doc.cats, key=doc.cats.__getitem__) for doc in nlp.pipe(chain.from_iterable(articles))]


def _make_tools(model: Path, folder: Path, texts: Sequence[str]) -> None:
    """Write into `folder` what the other tools load: the model's encoder under a plain head and in SetFit, a spaCy pipeline."""
    import numpy as np

    from models.artifact import read_artifact
    from models.classifier import build_classifier
    from scripts.bench.rivals import sentence_encoder, spacy_categorizer  # imported here: it would add to the start-up measured

    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    scheme = read_artifact(model).scheme
    classifier, tokenizer = build_classifier(str(model), scheme, "single", 128, freeze_word_embeddings=False)
    for part, name in ((classifier, "single"), (classifier.base_model, "encoder")):
        part.save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
    labels = np.arange(len(texts)) % len(scheme.names)
    try:
        from setfit import SetFitModel
        from sklearn.linear_model import LogisticRegression

        body = sentence_encoder(str(folder / "encoder"), 128)
        head = LogisticRegression(max_iter=1000).fit(body.encode(list(texts)), labels)
        SetFitModel(model_body=body, model_head=head).save_pretrained(str(folder / "setfit"))
    except ModuleNotFoundError:
        pass
    try:
        nlp, examples, optimizer = spacy_categorizer(texts, labels)
        nlp.update(examples, sgd=optimizer)
        nlp.to_disk(folder / "spacy")
    except ModuleNotFoundError:
        pass
