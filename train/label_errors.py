"""Find gold labels that a model trained without them finds improbable: `find_label_errors(config, folds)` → suspects.

Confident learning: the articles are assigned to folds by event, each fold is labelled by a model trained on the others, and
cleanlab compares these out-of-fold probabilities with the labels (Northcutt et al., Journal of Artificial Intelligence Research
70, 2021). Articles of the test split are left out: nobody should look at them before the last run.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from labels.annotations import AnnotatedArticle, LabeledSentence
from labels.errors import ConfigError
from labels.scheme import load_scheme
from models.arrays import Floats
from train.config import TrainConfig


@dataclass(frozen=True, slots=True)
class Suspect:
    """A sentence whose label is in doubt.

    Attributes:
        probabilities: of each label, [labels], from a model that never saw the event.
        quality: cleanlab's score of the gold label, from 0 (surely wrong) to 1.
    """

    article: AnnotatedArticle
    labeled: LabeledSentence
    probabilities: Floats
    quality: float


def find_label_errors(config: TrainConfig, folds: int) -> tuple[list[Suspect], int]:
    """Train a model for each fold; return the suspects, worst first, and the number of labels that were checked.

    Raises:
        ConfigError: the folds are fewer than 2 or more than the events.
    """
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    scheme = load_scheme(config.data.scheme)
    checked = list(_out_of_fold(config, folds))
    labels = np.array([scheme.label2id[str(labeled.label)] for _, labeled, _ in checked])
    probabilities = np.stack([row for _, _, row in checked])
    worst_first = find_label_issues(labels, probabilities, return_indices_ranked_by="self_confidence")
    quality = get_label_quality_scores(labels, probabilities)
    suspects = []
    for number in worst_first:
        article, labeled, row = checked[number]
        suspects.append(Suspect(article, labeled, row, float(quality[number])))
    return suspects, len(labels)


def _out_of_fold(config: TrainConfig, folds: int) -> Iterator[tuple[AnnotatedArticle, LabeledSentence, Floats]]:
    """Yield each labelled sentence with its article and its probabilities [labels], from a model that never saw the event."""
    from sklearn.model_selection import GroupKFold

    from models import Tagger
    from train.data import assign_events, read_corpora
    from train.run import train_on

    articles = read_corpora(config.data, load_scheme(config.data.scheme))
    split_of = assign_events(articles, config.data)
    corpus = [a for a in articles if split_of[a.event] != "test"]
    events = [a.event for a in corpus]
    if not 2 <= folds <= len(set(events)):
        raise ConfigError(f"--folds {folds}: must be at least 2 and at most {len(set(events))}, the number of events")
    numbers = GroupKFold(folds, shuffle=True, random_state=config.seed).split(corpus, groups=events)
    for number, (kept_numbers, fold_numbers) in enumerate(numbers):
        kept, fold = [corpus[i] for i in kept_numbers], [corpus[i] for i in fold_numbers]
        tagger = Tagger.load(train_on(config, f"{config.name}-fold{number}", _with_splits(kept, fold)))
        probabilities = tagger.probabilities([[s.sentence.text for s in article.sentences] for article in fold])
        for article, rows in zip(fold, probabilities, strict=True):
            for labeled, row in zip(article.sentences, rows, strict=True):
                if labeled.label:
                    yield article, labeled, row


def _with_splits(kept: list[AnnotatedArticle], fold: list[AnnotatedArticle]) -> list[AnnotatedArticle]:
    """Mark every tenth event of the kept articles for validation, the others for training, and the fold as test."""
    validation = set(sorted({a.event for a in kept})[::10])
    marked = [replace(a, split="validation" if a.event in validation else "train") for a in kept]
    return [*marked, *(replace(a, split="test") for a in fold)]
