"""What ours and other tools take to tag the same articles: `measure(model, articles)` → rows.

Each runs in a process of its own. Start-up counts from the process's begin to the labels of the first article, with all that is
imported and loaded; after that every article is tagged, the best of some rounds counts. Peers get the flat list of sentences,
as their documentation shows it, and the same encoder; spaCy's bag of words is its own. Speed does not depend on what
weights say, so theirs are barely trained; python -m scripts.compare_peers says how well they label.
"""

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from scripts.bench.shared import alone

Articles = Sequence[Sequence[str]]
Tag = Callable[[Articles], Any]

ROUNDS = 3
SAMPLE = 64  # sentences that peers are made with


def measure(model: Path, articles: Articles) -> list[dict[str, Any]]:
    """Return title, sentences_per_second, startup_seconds and memory_mb of each; ours also with probabilities."""
    from models.onnx.export import export

    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        export(model, folder / "onnx")
        export(model, folder / "int8", int8=True)
        alone(_make_peers, model, folder, list(chain.from_iterable(articles))[:SAMPLE])
        for title, load, path in (
            ("ours, torch", _ours, model),
            ("ours, ONNX", _ours, folder / "onnx"),
            ("ours, ONNX in eight bits", _ours, folder / "int8"),
            ("transformers.pipeline, as its documentation shows it", _pipeline, folder / "single"),
            ("SetFit predict", _setfit, folder / "setfit"),
            ("spaCy textcat", _spacy, folder / "spacy"),
        ):
            try:
                row, memory = alone(partial(_measure, title), load, path, articles, time.time())
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
        found = tag(articles)
        seconds.append(time.perf_counter() - start)
    row = {"title": title, "startup_seconds": startup, "sentences_per_second": sum(map(len, articles)) / min(seconds)}
    return row | ({"probabilities": found} if load is _ours else {})


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


def _make_peers(model: Path, folder: Path, texts: Sequence[str]) -> None:
    """Write into `folder` what the peers load: the model's encoder under a plain head, in SetFit, and a spaCy pipeline."""
    import numpy as np

    from models.artifact import read_artifact
    from models.classifier import build_classifier

    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    scheme = read_artifact(model).scheme
    classifier, tokenizer = build_classifier(str(model), scheme, "single", 128, freeze_word_embeddings=False)
    for parts, into in ((classifier, "single"), (classifier.base_model, "encoder")):
        parts.save_pretrained(folder / into)
        tokenizer.save_pretrained(folder / into)
    labels = np.arange(len(texts)) % len(scheme.names)
    try:
        from sentence_transformers import SentenceTransformer, models
        from setfit import SetFitModel
        from sklearn.linear_model import LogisticRegression

        encoder = models.Transformer(str(folder / "encoder"), max_seq_length=128)
        body = SentenceTransformer(modules=[encoder, models.Pooling(encoder.get_word_embedding_dimension())], device="cpu")
        head = LogisticRegression(max_iter=1000).fit(body.encode(list(texts)), labels)
        SetFitModel(model_body=body, model_head=head).save_pretrained(str(folder / "setfit"))
    except ModuleNotFoundError:
        pass
    try:
        import spacy
        from spacy.training import Example

        nlp = spacy.blank("en")
        categorizer = nlp.add_pipe("textcat")
        for name in scheme.names:
            categorizer.add_label(name)
        examples = [
            Example.from_dict(nlp.make_doc(text), {"cats": {name: float(name == scheme.names[label]) for name in scheme.names}})
            for text, label in zip(texts, labels, strict=True)
        ]
        nlp.update(examples, sgd=nlp.initialize(lambda: examples))
        nlp.to_disk(folder / "spacy")
    except ModuleNotFoundError:
        pass
