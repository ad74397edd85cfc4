"""Other ways to label a sentence, each trained by a function (texts, class ids, config) → predict.

They get sentences alone, as such tools are used. CLASSIFIERS know all labels; CLAIM_FINDERS only say whether somebody is
quoted. A peer whose library is not installed raises ModuleNotFoundError.
"""

import re
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from models.arrays import Ints
from train.config import TrainConfig

Predict = Callable[[Sequence[str]], Ints]


def _tfidf(texts: Sequence[str], labels: Ints, config: TrainConfig) -> Predict:
    from train.baselines import tfidf_classifier

    predict: Predict = tfidf_classifier(config.seed, ngrams=3).fit(texts, labels).predict
    return predict


def _fasttext(texts: Sequence[str], labels: Ints, config: TrainConfig) -> Predict:
    import fasttext

    def line(text: str) -> str:
        return " ".join(re.findall(r"\w+|[^\w\s]", text.lower()))

    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.writelines(f"__label__{label} {line(text)}\n" for text, label in zip(texts, labels, strict=True))
        file.flush()
        model = fasttext.train_supervised(
            file.name, epoch=25, lr=0.5, wordNgrams=2, minn=2, maxn=5, dim=100, seed=config.seed, thread=1, verbose=0
        )

    def predict(given: Sequence[str]) -> Ints:
        found, _ = model.predict([line(text) for text in given])
        return np.array([int(best.removeprefix("__label__")) for (best,) in found])

    return predict


def _spacy(texts: Sequence[str], labels: Ints, config: TrainConfig) -> Predict:
    import random

    import spacy
    from spacy.training import Example
    from spacy.util import compounding, minibatch

    spacy.util.fix_random_seed(config.seed)
    nlp = spacy.blank("en")
    names = [str(label) for label in range(int(labels.max()) + 1)]
    categorizer = nlp.add_pipe("textcat")
    for name in names:
        categorizer.add_label(name)
    examples = [
        Example.from_dict(nlp.make_doc(text), {"cats": {name: float(name == str(label)) for name in names}})
        for text, label in zip(texts, labels, strict=True)
    ]
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(5):
        random.shuffle(examples)
        for batch in minibatch(examples, size=compounding(16.0, 128.0, 1.01)):
            nlp.update(batch, sgd=optimizer, drop=0.2)
    return lambda given: np.array([int(max(doc.cats, key=doc.cats.__getitem__)) for doc in nlp.pipe(given)])


def _setfit(texts: Sequence[str], labels: Ints, config: TrainConfig) -> Predict:
    from datasets import Dataset
    from sentence_transformers import SentenceTransformer, models
    from setfit import SetFitModel, Trainer, TrainingArguments, sample_dataset
    from sklearn.linear_model import LogisticRegression

    from models.backbones import locate_backbone

    encoder = models.Transformer(locate_backbone(config.model.backbone), max_seq_length=config.model.max_length)
    body = SentenceTransformer(modules=[encoder, models.Pooling(encoder.get_word_embedding_dimension())], device="cpu")
    head = LogisticRegression(max_iter=3000, class_weight="balanced", random_state=config.seed)
    model = SetFitModel(model_body=body, model_head=head)
    few = sample_dataset(Dataset.from_dict({"text": texts, "label": labels.tolist()}), num_samples=64, seed=config.seed)
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder, batch_size=32, max_steps=400, seed=config.seed, report_to="none", save_strategy="no"
        )
        Trainer(model=model, args=arguments, train_dataset=few).train()
    head.fit(body.encode(list(texts), batch_size=64), labels)
    return lambda given: np.asarray(head.predict(body.encode(list(given), batch_size=64)))


def embedder(config: TrainConfig) -> Callable[[Sequence[str]], Any]:
    """Return a function from sentences to the means of their token vectors, [sentences, width], of the encoder as it comes."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    from models.backbones import locate_backbone

    folder = locate_backbone(config.model.backbone)
    tokenizer, encoder = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()

    def embed(given: Sequence[str]) -> Any:
        order = sorted(range(len(given)), key=lambda i: len(given[i]))
        vectors = np.zeros((len(given), encoder.config.hidden_size), dtype=np.float32)
        for part in (order[begin : begin + 64] for begin in range(0, len(order), 64)):
            inputs = tokenizer(
                [given[i] for i in part], padding=True, truncation=True, max_length=config.model.max_length, return_tensors="pt"
            )
            with torch.inference_mode():
                hidden = encoder(**inputs).last_hidden_state
            mask = inputs["attention_mask"][..., None]
            vectors[part] = ((hidden * mask).sum(1) / mask.sum(1)).numpy()
        return vectors

    return embed


def _frozen(texts: Sequence[str], labels: Ints, config: TrainConfig) -> Predict:
    from sklearn.linear_model import LogisticRegression

    embed = embedder(config)
    head = LogisticRegression(C=10, max_iter=3000, class_weight="balanced", random_state=config.seed).fit(embed(texts), labels)
    return lambda given: np.asarray(head.predict(embed(given)))


_SAID = re.compile(
    r"[\"“”]|\b(?:according to|reportedly|allegedly)\b|\b(?:say|says|said|saying|told|tells|add(?:s|ed)|claim(?:s|ed)?|"
    r"argue[sd]?|warn(?:s|ed)|insist(?:s|ed)|den(?:y|ies|ied)|announce[sd]|tweet(?:s|ed)|wrote|writes|state[sd]|explain(?:s|ed)|"
    r"acknowledge[sd]|testif(?:y|ied)|believe[sd]?)\b",
    re.IGNORECASE,
)


def _quote_rules(texts: Sequence[str]) -> Ints:
    return np.array([bool(_SAID.search(text)) for text in texts])


CLASSIFIERS: dict[str, tuple[str, Callable[[Sequence[str], Ints, TrainConfig], Predict]]] = {
    "tfidf": ("TF-IDF of 1–3-grams + logistic regression", _tfidf),
    "fasttext": ("fastText, 25 epochs", _fasttext),
    "spacy": ("spaCy textcat, 5 epochs", _spacy),
    "setfit": ("SetFit on the same encoder (64 examples a label, 400 steps; head on all)", _setfit),
    "frozen": ("the same encoder, frozen, + logistic regression", _frozen),
}
CLAIM_FINDERS: dict[str, tuple[str, Predict]] = {
    "quote_rules": ("quotation marks and verbs of speech", _quote_rules),
}
