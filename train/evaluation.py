"""Score a tagger on a split: `evaluate_tagger(tagger, splits, config)` → Evaluation."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from datasets import Dataset, DatasetDict

from labels.scheme import LabelScheme
from models.arrays import Floats, Ints
from models.tagger import Tagger
from train.baselines import baseline_predictions
from train.config import TrainConfig
from train.data import OPEN, article_places, flat, of_labelled
from train.metrics import METRICS, bootstrap, confusion_matrix, f1_of


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Scores on the test split; intervals are 95%, by bootstrap over articles.

    Attributes:
        n: test sentences; articles and events likewise.
        most_certain: macro F1 on the 80% of sentences with the highest probability.
        outlets: macro F1 on articles of outlets that training articles come from (seen) and on the others (unseen), each with
            its number of sentences; empty if there is only one kind.
        inherited: scores on claims attributed only by another sentence, explicitly attributed claims left out.
        kept: share, accuracy and threshold of the predictions in which the model does not abstain.
        baselines: for each, accuracy, macro F1 with interval and F1 of each label, on the same sentences.
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
        return asdict(self)


def evaluate_tagger(
    tagger: Tagger, splits: DatasetDict, config: TrainConfig
) -> tuple[Evaluation, list[dict[str, Any]], Floats]:
    """Return the scores, the test predictions as rows, and the test probabilities [sentences, labels]."""
    scheme, test = tagger.scheme, splits["test"]
    probabilities = of_labelled(test, tagger.probabilities(test["texts"]))
    _, gold = flat(test)
    predicted = probabilities.argmax(axis=1)
    article_of = article_places(test)
    scores = _scorer(gold, article_of, scheme, config)
    threshold = tagger.abstain_below
    kept = probabilities.max(axis=1) >= threshold
    evaluation = Evaluation(
        n=len(gold),
        articles=len(test),
        events=len(set(test["event"])),
        **scores(predicted),
        ece=METRICS["ece"]().compute(predictions=probabilities, references=gold)["ece"],
        most_certain=_macro_f1(_most_certain(probabilities, 0.8), gold, predicted, scheme),
        outlets=_by_outlet(splits, article_of, gold, predicted, scheme),
        inherited=_inherited(test, gold, predicted, scheme),
        kept={
            "threshold": threshold,
            "share": float(kept.mean()),
            "accuracy": float((predicted == gold)[kept].mean()) if kept.any() else 0.0,
        },
        confusion=confusion_matrix(gold, predicted, len(scheme.names)).tolist(),
        baselines={name: scores(guess) for name, guess in baseline_predictions(splits, config.seed).items()},
    )
    return evaluation, list(_rows(test, probabilities, scheme)), probabilities


def score_predictions(gold: Ints, predicted: Ints, scheme: LabelScheme) -> dict[str, Any]:
    """Return accuracy, macro F1 over article labels and the scores of each label."""
    given = {"predictions": predicted, "references": gold}
    article_ids = [scheme.label2id[name] for name in scheme.article_labels]
    per_label = METRICS["per_label"]().compute(**given, labels=list(scheme.id2label))["per_label"]
    return {
        **METRICS["accuracy"]().compute(**given),
        **METRICS["macro_f1"]().compute(**given, labels=article_ids),
        "per_label": {scheme.names[label]: scores for label, scores in per_label.items()},
    }


def _scorer(gold: Ints, article_of: Ints, scheme: LabelScheme, config: TrainConfig) -> Callable[[Ints], dict[str, Any]]:
    """Return a function from predictions to accuracy, macro F1 and per-label scores, with intervals."""
    size = len(scheme.names)
    article_ids = [scheme.label2id[name] for name in scheme.article_labels]

    def scores(predicted: Ints) -> dict[str, Any]:
        confusions = np.stack(
            [
                confusion_matrix(gold[article_of == a], predicted[article_of == a], size)
                for a in range(int(article_of.max()) + 1)
            ]
        )
        intervals = bootstrap(confusions, article_ids, config.evaluation.bootstrap_samples, config.seed)
        found = score_predictions(gold, predicted, scheme)
        for label, name in scheme.id2label.items():
            found["per_label"][name]["f1_interval"] = intervals[str(label)]
        return found | {"macro_f1_interval": intervals["macro_f1"]}

    return scores


def _macro_f1(chosen: Any, gold: Ints, predicted: Ints, scheme: LabelScheme) -> float:
    score: float = score_predictions(gold[chosen], predicted[chosen], scheme)["macro_f1"]
    return score


def _most_certain(probabilities: Floats, share: float) -> Ints:
    """Return the places of the `share` of rows with the highest top probability."""
    order: Ints = np.argsort(-probabilities.max(axis=1), kind="stable")
    return order[: round(len(order) * share)]


def _by_outlet(
    splits: DatasetDict, article_of: Ints, gold: Ints, predicted: Ints, scheme: LabelScheme
) -> dict[str, dict[str, float]]:
    known = set(splits["train"]["outlet"])
    seen = np.array([outlet in known for outlet in splits["test"]["outlet"]])[article_of]
    if seen.all() or not seen.any():
        return {}
    return {
        name: {"n": int(chosen.sum()), "macro_f1": _macro_f1(chosen, gold, predicted, scheme)}
        for name, chosen in (("seen", seen), ("unseen", ~seen))
    }


def _inherited(test: Dataset, gold: Ints, predicted: Ints, scheme: LabelScheme) -> dict[str, Any]:
    """Score the sentences marked inherited against all of other labels; the same label's other sentences are left out."""
    marked = of_labelled(test, [np.array(row, dtype=bool) for row in test["inherited"]])
    if not marked.any():
        return {}
    label = int(np.bincount(gold[marked]).argmax())
    considered = marked | (gold != label)
    confusion = confusion_matrix((gold == label)[considered] * 1, (predicted == label)[considered] * 1, 2)
    hits = int(confusion[1, 1])
    return {
        "label": scheme.names[label],
        "n": int((marked & (gold == label)).sum()),
        "precision": hits / max(1, int(confusion[:, 1].sum())),
        "recall": hits / max(1, int(confusion[1].sum())),
        "f1": float(f1_of(confusion)[1]),
    }


def _rows(test: Dataset, probabilities: Floats, scheme: LabelScheme) -> Iterator[dict[str, Any]]:
    position = 0
    for article in test:
        for index, (text, label) in enumerate(zip(article["texts"], article["labels"], strict=True)):
            if label == OPEN:
                continue
            row = probabilities[position]
            yield {
                "article": article["article"],
                "index": index,
                "text": text,
                "label": scheme.names[label],
                "predicted": scheme.names[int(row.argmax())],
                "probability": round(float(row.max()), 4),
            }
            position += 1
