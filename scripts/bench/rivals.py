"""Other tools that label sentences, each trained by a function (texts, class ids, config) → predict.

They get single sentences, as such tools are used. CLASSIFIERS predict all labels; CLAIM_FINDERS only say whether somebody is
quoted. A function whose library is not installed raises ModuleNotFoundError.
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

    def predict(texts: Sequence[str]) -> Ints:
        predicted, _ = model.predict([line(text) for text in texts])
        return np.array([int(best.removeprefix("__label__")) for (best,) in predicted])

    return predict


def _spacy(texts: Sequence[str], labels: Ints, config: TrainConfig) -> Predict:
    import random

    import spacy
    from spacy.util import compounding, minibatch

    spacy.util.fix_random_seed(config.seed)
    nlp, examples, optimizer = spacy_categorizer(texts, labels)
    for _ in range(5):
        random.shuffle(examples)
        for batch in minibatch(examples, size=compounding(16.0, 128.0, 1.01)):
            nlp.update(batch, sgd=optimizer, drop=0.2)
    return lambda texts: np.array([int(max(doc.cats, key=doc.cats.__getitem__)) for doc in nlp.pipe(texts)])


def spacy_categorizer(texts: Sequence[str], labels: Ints) -> tuple[Any, list[Any], Any]:
    """Return an untrained spaCy pipeline whose categories are the class ids, its training examples, and its optimizer."""
    import spacy
    from spacy.training import Example

    nlp = spacy.blank("en")
    names = [str(label) for label in range(int(labels.max()) + 1)]
    categorizer = nlp.add_pipe("textcat")
    for name in names:
        categorizer.add_label(name)
    examples = [
        Example.from_dict(nlp.make_doc(text), {"cats": {name: float(name == str(label)) for name in names}})
        for text, label in zip(texts, labels, strict=True)
    ]
    return nlp, examples, nlp.initialize(lambda: examples)


def _setfit(texts: Sequence[str], labels: Ints, config: TrainConfig) -> Predict:
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments, sample_dataset
    from sklearn.linear_model import LogisticRegression

    from models.backbones import locate_backbone

    body = sentence_encoder(locate_backbone(config.model.backbone), config.model.max_length)
    head = LogisticRegression(max_iter=3000, class_weight="balanced", random_state=config.seed)
    model = SetFitModel(model_body=body, model_head=head)
    few = sample_dataset(Dataset.from_dict({"text": texts, "label": labels.tolist()}), num_samples=64, seed=config.seed)
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder, batch_size=32, max_steps=400, seed=config.seed, report_to="none", save_strategy="no"
        )
        Trainer(model=model, args=arguments, train_dataset=few).train()
    head.fit(body.encode(list(texts), batch_size=64), labels)
    return lambda texts: np.asarray(head.predict(body.encode(list(texts), batch_size=64)))


def sentence_encoder(backbone: str, max_length: int) -> Any:
    """Return an encoder as a model of sentence-transformers: the mean of the token vectors of a sentence."""
    from sentence_transformers import SentenceTransformer, models

    encoder = models.Transformer(backbone, max_seq_length=max_length)
    return SentenceTransformer(modules=[encoder, models.Pooling(encoder.get_word_embedding_dimension())], device="cpu")


def embedder(config: TrainConfig) -> Callable[[Sequence[str]], Any]:
    """Return a function from sentences to vectors [sentences, width]: the mean token vector of the encoder, not fine-tuned."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    from models.backbones import locate_backbone

    folder = locate_backbone(config.model.backbone)
    tokenizer, encoder = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()

    options = {"padding": True, "truncation": True, "max_length": config.model.max_length, "return_tensors": "pt"}

    def embed(texts: Sequence[str]) -> Any:
        by_length = sorted(range(len(texts)), key=lambda position: len(texts[position]))  # so that little is padded
        vectors = np.zeros((len(texts), encoder.config.hidden_size), dtype=np.float32)
        for begin in range(0, len(texts), 64):
            batch = by_length[begin : begin + 64]
            inputs = tokenizer([texts[position] for position in batch], **options)
            with torch.inference_mode():
                hidden = encoder(**inputs).last_hidden_state
            mask = inputs["attention_mask"][..., None]
            vectors[batch] = ((hidden * mask).sum(1) / mask.sum(1)).numpy()
        return vectors

    return embed


def _frozen(texts: Sequence[str], labels: Ints, config: TrainConfig) -> Predict:
    from sklearn.linear_model import LogisticRegression

    embed = embedder(config)
    head = LogisticRegression(C=10, max_iter=3000, class_weight="balanced", random_state=config.seed).fit(embed(texts), labels)
    return lambda texts: np.asarray(head.predict(embed(texts)))


SPEECH = (
    *("according to", "reportedly", "allegedly"),
    *("say", "says", "said", "saying", "told", "tells", "wrote", "writes", "tweets", "tweeted"),
    *("adds", "added", "claim", "claims", "claimed", "argue", "argues", "argued", "warns", "warned", "insists", "insisted"),
    *("deny", "denies", "denied", "announces", "announced", "states", "stated", "explains", "explained"),
    *("acknowledges", "acknowledged", "testify", "testified", "believe", "believes", "believed"),
)
QUOTED = re.compile(rf"[\"“”]|\b(?:{'|'.join(SPEECH)})\b", re.IGNORECASE)


def _quote_rules(texts: Sequence[str]) -> Ints:
    return np.array([bool(QUOTED.search(text)) for text in texts])


# name: title, and what trains it or predicts
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
