"""Gold labels that a model trained without them finds hard to believe: `find_label_errors(config, folds)` → [Suspect].

Confident learning: the articles are assigned to folds by event, each fold is labelled by a model trained on the others, and
cleanlab compares these out-of-fold probabilities with the labels (Northcutt et al., Journal of Artificial Intelligence Research
70, 2021). Articles of the test split are left out: they are not to be looked at.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from labels.annotations.corpus import AnnotatedArticle, LabeledSentence
from labels.errors import ConfigError
from labels.scheme import load_scheme
from models.arrays import Floats
from train.config import TrainConfig


@dataclass(frozen=True, slots=True)
class Suspect:
    """A sentence whose label is in doubt.

    Attributes:
        probabilities: of the labels [labels], by the model that never saw the event.
        quality: of its label, 0 to 1, by cleanlab.
    """

    article: AnnotatedArticle
    labeled: LabeledSentence
    probabilities: Floats
    quality: float


def find_label_errors(config: TrainConfig, folds: int) -> tuple[list[Suspect], int]:
    """Train once a fold; return the suspects, worst first, and the number of labels looked at.

    Raises:
        ConfigError: cleanlab is not installed, or the folds are fewer than 2 or more than the events.
    """
    try:
        from cleanlab.filter import find_label_issues
        from cleanlab.rank import get_label_quality_scores
    except ImportError as error:
        raise ConfigError(f"{error}; it is in an optional group: pip install 'newsvoice[train]'") from error
    scheme = load_scheme(config.data.scheme)
    judged = [row for fold in _out_of_fold(config, folds) for row in fold]
    labels = np.array([scheme.label2id[str(labeled.label)] for _, labeled, _ in judged])
    probabilities = np.stack([row for _, _, row in judged])
    worst = find_label_issues(labels, probabilities, return_indices_ranked_by="self_confidence")
    quality = get_label_quality_scores(labels, probabilities)
    ranked = [(*judged[int(number)], float(quality[number])) for number in worst]
    return [Suspect(*row) for row in ranked], len(labels)


def _out_of_fold(config: TrainConfig, folds: int) -> Iterator[list[tuple[AnnotatedArticle, LabeledSentence, Floats]]]:
    """Yield, fold by fold, (article, labelled sentence, probabilities [labels]) of a model that never saw the event."""
    from sklearn.model_selection import GroupKFold

    from models import Tagger
    from train.data import assign_events, read_corpora
    from train.run import train_on

    articles = read_corpora(config.data, load_scheme(config.data.scheme))
    assigned = assign_events(articles, config.data)
    corpus = [a for a in articles if assigned[a.event] != "test"]
    if not 2 <= folds <= len({a.event for a in corpus}):
        raise ConfigError(f"--folds {folds}: give at least 2 and at most as many as there are events")
    folded = GroupKFold(folds, shuffle=True, random_state=config.seed).split(corpus, groups=[a.event for a in corpus])
    for number, (kept, held) in enumerate(folded):
        fold = [corpus[i] for i in held]
        marked = _with_splits([corpus[i] for i in kept], fold)
        tagger = Tagger.load(train_on(config, f"{config.name}-fold{number}", marked))
        rows = tagger.probabilities([[s.sentence.text for s in a.sentences] for a in fold])
        yield [(a, s, p) for a, ps in zip(fold, rows, strict=True) for s, p in zip(a.sentences, ps, strict=True) if s.label]


def _with_splits(kept: list[AnnotatedArticle], held: list[AnnotatedArticle]) -> list[AnnotatedArticle]:
    """Mark every tenth event of the kept articles for validation, and the held-out ones as test."""
    events = sorted({a.event for a in kept})
    validation = set(events[::10])
    marked = [replace(a, split="validation" if a.event in validation else "train") for a in kept]
    return [*marked, *(replace(a, split="test") for a in held)]
