"""What a model must beat on the same split: `baseline_predictions(splits, seed)` → {name: class ids of the test sentences}."""

from typing import Any

import numpy as np
from datasets import DatasetDict

from models.arrays import Ints
from train.data import labelled_sentences


def baseline_predictions(splits: DatasetDict, seed: int) -> dict[str, Ints]:
    """Predict the test sentences with TF-IDF + logistic regression, and with the most frequent label of train."""
    texts, labels = labelled_sentences(splits["train"])
    test_texts, _ = labelled_sentences(splits["test"])
    majority = np.bincount(labels).argmax()
    return {
        "tfidf_logistic_regression": tfidf_classifier(seed).fit(texts, labels).predict(test_texts),
        "majority": np.full(len(test_texts), majority),
    }


def tfidf_classifier(seed: int, ngrams: int = 2) -> Any:
    """Return an unfitted pipeline: TF-IDF of words and quotation marks, 1- to `ngrams`-grams, and logistic regression."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    return make_pipeline(
        TfidfVectorizer(ngram_range=(1, ngrams), sublinear_tf=True, min_df=2, token_pattern=r"(?u)\b\w+\b|[\"“”‘’?!:|]"),
        LogisticRegression(C=10, max_iter=1000, class_weight="balanced", random_state=seed),
    )
