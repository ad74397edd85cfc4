"""Score a tagger on a split: `evaluate_tagger(tagger, splits, config)` → Evaluation."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from datasets import Dataset, DatasetDict

from labels.scheme import LabelScheme
from models.arrays import Floats, Ints
from models.tagger import Tagger
from train.baselines import baseline_predictions
from train.config import TrainConfig
from train.data import OPEN, article_numbers, labelled_sentences, labelled_values
from train.metrics import METRICS, bootstrap, confusion_matrix, f1_of


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Scores on the test split; intervals are 95%, by bootstrap over articles.

    Attributes:
        n, articles, events: size of the test split; n counts sentences.
        per_label: precision, recall, F1 with interval, and number of sentences of each label.
        ece: expected calibration error.
        most_certain: macro F1 on the 80% of sentences with the highest probability.
        outlets: macro F1 on articles of outlets that training articles come from (seen) and on the others (unseen), each with
            its number of sentences; empty if all test articles are of one kind.
        inherited: scores on claims attributed only by another sentence; other claims are left out.
        kept: share, accuracy and threshold of the predictions in which the model does not abstain.
        confusion: number of sentences [gold label, predicted label].
        baselines: accuracy, macro F1 and scores of each label of the baselines, on the same sentences.
    """

    n: int
    articles: int
    events: int
    accuracy: float
    macro_f1: float
    macro_f1_interval: list[float]
    per_label: dict[str, dict[str, Any]]
    ece: float
    most_certain: float
    outlets: dict[str, dict[str, float]]
    inherited: dict[str, Any]
    kept: dict[str, float]
    confusion: list[list[int]]
    baselines: dict[str, dict[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        """Return the scores as they stand in metrics.json."""
        return asdict(self)


def evaluate_tagger(
    tagger: Tagger, splits: DatasetDict, config: TrainConfig
) -> tuple[Evaluation, list[dict[str, Any]], Floats]:
    """Return the scores, a row for each test prediction, and the test probabilities [sentences, labels]."""
    scheme, test = tagger.scheme, splits["test"]
    probabilities = labelled_values(test, tagger.probabilities(test["texts"]))
    _, gold = labelled_sentences(test)
    predicted = probabilities.argmax(axis=1)
    article_of = article_numbers(test)
    score = partial(_score_with_intervals, gold=gold, article_of=article_of, scheme=scheme, config=config)
    is_kept = probabilities.max(axis=1) >= tagger.abstain_below
    evaluation = Evaluation(
        n=len(gold),
        articles=len(test),
        events=len(set(test["event"])),
        **score(predicted),
        ece=METRICS["ece"]().compute(predictions=probabilities, references=gold)["ece"],
        most_certain=_macro_f1(_most_certain(probabilities, 0.8), gold, predicted, scheme),
        outlets=_by_outlet(splits, article_of, gold, predicted, scheme),
        inherited=_inherited(test, gold, predicted, scheme),
        kept={
            "threshold": tagger.abstain_below,
            "share": float(is_kept.mean()),
            "accuracy": float((predicted == gold)[is_kept].mean()) if is_kept.any() else 0.0,
        },
        confusion=confusion_matrix(gold, predicted, len(scheme.names)).tolist(),
        baselines={name: score(classes) for name, classes in baseline_predictions(splits, config.seed).items()},
    )
    return evaluation, list(_prediction_rows(test, probabilities, scheme)), probabilities


def score_predictions(gold: Ints, predicted: Ints, scheme: LabelScheme) -> dict[str, Any]:
    """Return accuracy, macro F1 over the labels of article text, and the scores of each label."""
    classes = {"predictions": predicted, "references": gold}
    per_label = METRICS["per_label"]().compute(**classes, labels=list(scheme.id2label))["per_label"]
    return {
        **METRICS["accuracy"]().compute(**classes),
        **METRICS["macro_f1"]().compute(**classes, labels=_article_label_ids(scheme)),
        "per_label": {scheme.names[label]: scores for label, scores in per_label.items()},
    }


def _article_label_ids(scheme: LabelScheme) -> list[int]:
    return [scheme.label2id[name] for name in scheme.article_labels]


def _score_with_intervals(
    predicted: Ints, *, gold: Ints, article_of: Ints, scheme: LabelScheme, config: TrainConfig
) -> dict[str, Any]:
    """Return what `score_predictions` returns, with intervals of macro F1 and of the F1 of each label."""
    articles = [article_of == number for number in range(int(article_of.max()) + 1)]
    confusions = np.stack(
        [confusion_matrix(gold[in_article], predicted[in_article], len(scheme.names)) for in_article in articles]
    )
    intervals = bootstrap(confusions, _article_label_ids(scheme), config.evaluation.bootstrap_samples, config.seed)
    scores = score_predictions(gold, predicted, scheme)
    for label, name in scheme.id2label.items():
        scores["per_label"][name]["f1_interval"] = intervals[str(label)]
    return scores | {"macro_f1_interval": intervals["macro_f1"]}


def _macro_f1(selection: Any, gold: Ints, predicted: Ints, scheme: LabelScheme) -> float:
    """Return macro F1 on the sentences that an index array or a mask selects."""
    score: float = score_predictions(gold[selection], predicted[selection], scheme)["macro_f1"]
    return score


def _most_certain(probabilities: Floats, share: float) -> Ints:
    """Return the positions of the `share` of rows with the highest top probability."""
    order: Ints = np.argsort(-probabilities.max(axis=1), kind="stable")
    return order[: round(len(order) * share)]


def _by_outlet(
    splits: DatasetDict, article_of: Ints, gold: Ints, predicted: Ints, scheme: LabelScheme
) -> dict[str, dict[str, float]]:
    """Score the test sentences of outlets that training articles come from, and those of other outlets."""
    training_outlets = set(splits["train"]["outlet"])
    is_seen = np.array([outlet in training_outlets for outlet in splits["test"]["outlet"]])[article_of]
    if is_seen.all() or not is_seen.any():
        return {}
    return {
        name: {"n": int(selection.sum()), "macro_f1": _macro_f1(selection, gold, predicted, scheme)}
        for name, selection in (("seen", is_seen), ("unseen", ~is_seen))
    }


def _inherited(test: Dataset, gold: Ints, predicted: Ints, scheme: LabelScheme) -> dict[str, Any]:
    """Score the inherited sentences against the sentences of other labels; others of the same label are left out."""
    is_inherited = labelled_values(test, [np.array(row, dtype=bool) for row in test["inherited"]])
    if not is_inherited.any():
        return {}
    label = int(np.bincount(gold[is_inherited]).argmax())
    selection = is_inherited | (gold != label)
    confusion = confusion_matrix((gold == label)[selection].astype(int), (predicted == label)[selection].astype(int), 2)
    true_positives = int(confusion[1, 1])
    return {
        "label": scheme.names[label],
        "n": int((is_inherited & (gold == label)).sum()),
        "precision": true_positives / max(1, int(confusion[:, 1].sum())),
        "recall": true_positives / max(1, int(confusion[1].sum())),
        "f1": float(f1_of(confusion)[1]),
    }


def _prediction_rows(test: Dataset, probabilities: Floats, scheme: LabelScheme) -> Iterator[dict[str, Any]]:
    """Yield a row of predictions.jsonl for each labelled test sentence."""
    rows = iter(probabilities)
    for article in test:
        for index, (text, label) in enumerate(zip(article["texts"], article["labels"], strict=True)):
            if label == OPEN:
                continue
            row = next(rows)
            yield {
                "article": article["article"],
                "index": index,
                "text": text,
                "label": scheme.names[label],
                "predicted": scheme.names[int(row.argmax())],
                "probability": round(float(row.max()), 4),
            }
