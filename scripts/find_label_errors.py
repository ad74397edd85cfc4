"""List the sentences whose label of record a model trained without them finds hard to believe.

    python -m scripts.find_label_errors configs/real.yaml

Confident learning: the articles are dealt into folds by event, each fold is labelled by a model trained on the others, and
cleanlab compares these out-of-fold probabilities with the labels (Northcutt et al., Journal of Artificial Intelligence Research
70, 2021). The suspects, worst first, go to models/artifacts/NAME-label-errors.tsv, to be read again by people, and with --push
to a Label Studio project of their own. The labels stay as they are. Articles of the test split are left out: they are not to be
looked at. Needs the optional group: pip install -e '.[label-errors]'
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from labels.annotations import AnnotatedArticle, LabeledSentence
from labels.errors import DONE, ConfigError, exit_code, write_whole
from labels.scheme import LabelScheme, load_scheme
from labels.standoff import sentence_hash
from labels.tasks import sentence_tasks
from scripts.runs import train_on
from train.config import TrainConfig, load_config


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, metavar="CONFIG")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="as for python -m train")
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--push", metavar="TITLE", help="a Label Studio project for the review, made if there is none")
    parser.add_argument("--most", type=int, default=200, help="sentences to push at most")
    arguments = parser.parse_args()
    return exit_code(lambda: _run(load_config(arguments.config, arguments.overrides), arguments))


def _run(config: TrainConfig, arguments: argparse.Namespace) -> int:
    try:
        from cleanlab.filter import find_label_issues
        from cleanlab.rank import get_label_quality_scores
    except ImportError as error:
        raise ConfigError(f"{error}; it is in an optional group: pip install -e '.[label-errors]'") from error
    scheme = load_scheme(config.data.scheme)
    found = [row for fold in _out_of_fold(config, arguments.folds) for row in fold]
    labels = np.array([scheme.label2id[labeled.label] for _, labeled, _ in found])
    probabilities = np.stack([row for _, _, row in found])
    suspects = find_label_issues(labels, probabilities, return_indices_ranked_by="self_confidence")
    quality = get_label_quality_scores(labels, probabilities)
    lines = ["article\thash\tlabel\tmodel\tquality\ttext"]
    for number in suspects:
        article, labeled, row = found[number]
        name = scheme.names[int(row.argmax())]
        text = labeled.sentence.text
        place = f"{article.article.id}\t{sentence_hash(text)}"
        lines.append(f"{place}\t{labeled.label}\t{name}\t{quality[number]:.4f}\t{' '.join(text.split())}")
    path = config.output_dir / f"{config.name}-label-errors.tsv"
    write_whole(path, "\n".join(lines) + "\n")
    print(f"{path}: {len(suspects)} of {len(labels)} sentences to read again")
    if arguments.push:
        _push([found[number] for number in suspects[: arguments.most]], scheme, arguments.push)
    return DONE


def _push(suspects: Sequence[tuple[AnnotatedArticle, LabeledSentence, Any]], scheme: LabelScheme, title: str) -> None:
    """Push suspects for review; the reviewer sees the label of record and the model's, with its probability."""
    from scripts.studio import connect, push_tasks, review_project

    notes: dict[str, dict[int, str]] = {}
    articles = {annotated.article.id: annotated for annotated, _, _ in suspects}
    for annotated, labeled, row in suspects:
        best = int(row.argmax())
        note = f"label of record: {labeled.label}, model: {scheme.names[best]} ({row[best]:.2f})"
        notes.setdefault(annotated.article.id, {})[labeled.sentence.index] = note
    tasks = [
        task
        for name, annotated in articles.items()
        for task in sentence_tasks(annotated.article, [s.sentence for s in annotated.sentences], annotated.event, notes[name])
    ]
    studio = connect()
    push_tasks(studio, review_project(studio, scheme, title), tasks)


def _out_of_fold(config: TrainConfig, folds: int) -> Iterator[list[tuple[AnnotatedArticle, Any, Any]]]:
    """Yield, fold by fold, (article, labelled sentence, probabilities [labels]) of a model that never saw the event."""
    from sklearn.model_selection import GroupKFold

    from models import Tagger
    from train.data import deal_events, read_corpora

    articles = read_corpora(config.data, load_scheme(config.data.scheme))
    dealt = deal_events(articles, config.data)
    corpus = [a for a in articles if dealt[a.event] != "test"]
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


if __name__ == "__main__":
    sys.exit(main())
