"""What a model must beat on the same split: `baseline_predictions(splits)` → {name: predicted class ids of the test set}."""

import numpy as np
from datasets import Dataset, DatasetDict

from models.calibration import Ints


def baseline_predictions(splits: DatasetDict, seed: int) -> dict[str, Ints]:
    """Fit TF-IDF (words, 1–2-grams) + logistic regression and the majority label on train; predict the test sentences."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    texts, labels = _flat(splits["train"])
    test, _ = _flat(splits["test"])
    tfidf = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2, token_pattern=r"(?u)\b\w+\b|[\"“”‘’?!:|]"),
        LogisticRegression(C=10, max_iter=1000, class_weight="balanced", random_state=seed),
    )
    tfidf.fit(texts, labels)
    majority = np.bincount(labels).argmax()
    return {"tfidf_logistic_regression": tfidf.predict(test), "majority": np.full(len(test), majority)}


def _flat(dataset: Dataset) -> tuple[list[str], Ints]:
    texts = [text for row in dataset["texts"] for text in row]
    return texts, np.array([label for row in dataset["labels"] for label in row])
