"""Tables of the docs, made from what they describe; `make docs` writes them, `make lint` checks them."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from labels.agreement import agreement
from labels.annotations import read_corpus
from labels.scheme import load_scheme
from labels.standoff import read_all_labels
from scripts.agreement import SHIPPED, votes_of

CORPUS = Path("labels/corpus/fiction")
MEASURED = Path("scripts/measured")
_WIDE = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1"}


def label_table() -> str:
    """Return the labels of the scheme as a Markdown table."""
    rows = [
        f"| `{label.name}` | {label.title} | {label.definition} | {'<br>'.join(label.examples)} | {label.hotkey} |"
        for label in load_scheme().labels
    ]
    return "\n".join(["| name | shown as | meaning | for example | key |", "|---|---|---|---|---|", *rows])


def corpus_table(by: str) -> str:
    """Return the original corpus's counts per label as a Markdown table; `by` is kind, topic or event."""
    corpus = read_corpus(CORPUS, load_scheme())
    return _counts([(getattr(a, by), [s.label for s in a.sentences]) for a in corpus], by)


def real_table(by: str) -> str:
    """Return the counts per label of the labels that stand off; `by` is corpus, split or topic."""
    labelled = read_all_labels(load_scheme())
    return _counts([(name if by == "corpus" else getattr(a, by), [row.label for row in a.rows]) for name, a in labelled], by)


def _counts(articles: Sequence[tuple[str, list[str]]], by: str) -> str:
    """Return a table of labels from (group, labels of its sentences), an entry an article, largest group first."""
    names = load_scheme().names
    groups = Counter(group for group, _ in articles)
    counts = Counter((group, label) for group, labels in articles for label in labels)
    lines = [f"| {by} | articles | sentences | {' | '.join(names)} |", "|---|---|---|" + "---|" * len(names)]
    for group, number in sorted(groups.items(), key=lambda item: (-item[1], item[0])):
        of = [counts[group, name] for name in names]
        lines.append(f"| {group} | {number} | {sum(of)} | " + " | ".join(map(str, of)) + " |")
    totals = [sum(counts[group, name] for group in groups) for name in names]
    lines.append(f"| **all** | **{len(articles)}** | **{sum(totals)}** | " + " | ".join(f"**{t}**" for t in totals) + " |")
    return "\n".join(lines)


def corpus_facts() -> str:
    """Return the sizes of both corpora in a sentence each."""
    scheme = load_scheme()
    corpus = read_corpus(CORPUS, scheme)
    sentences = [s for a in corpus for s in a.sentences]
    real = read_all_labels(scheme)
    rows = [row for _, a in real for row in a.rows]
    outlets: dict[tuple[str, str], set[str]] = {}
    for name, a in real:
        outlets.setdefault((name, a.event), set()).add(a.outlet)
    return (
        f"The original corpus: {len(sentences)} sentences in {len(corpus)} articles "
        f"by {len({a.article.outlet for a in corpus})} outlets about {len({a.event for a in corpus})} events "
        f"of {len({a.topic for a in corpus})} topics; "
        f"{sum(s.inherited for s in sentences)} claims are attributed only by another sentence.\n\n"
        f"The real articles: {len(rows)} sentences in {len(real)} articles about {len(outlets)} events, "
        f"{sum(len(names) > 1 for names in outlets.values())} of them by at least two outlets; "
        f"{sum(row.inherited for row in rows)} claims are inherited."
    )


def agreement_table() -> str:
    """Return the agreement of the two passes over each corpus."""
    scheme = load_scheme()
    lines = [
        f"| corpus | annotators | sentences | same label | Cohen's κ | Krippendorff's α | {' | '.join(scheme.names)} |",
        "|---|---|---|---|---|---|" + "---|" * len(scheme.names),
    ]
    for path in SHIPPED:
        for pair in agreement(votes_of(path, scheme)):
            per_label = [f"{pair.per_label.get(name, 0):.2f}" for name in scheme.names]
            figures = [f"{pair.observed:.1%}", f"{pair.kappa:.3f}", f"{pair.alpha:.3f}", *per_label]
            lines.append(f"| {path.name} | {pair.first}, {pair.second} | {pair.n} | {' | '.join(figures)} |")
    return "\n".join(lines)


def contexts_table() -> str:
    """Return what `python -m scripts.compare_contexts` measured last."""
    rows = json.loads((MEASURED / "contexts.json").read_text(encoding="utf-8"))
    lines = [
        "| context | macro F1 | F1 on inherited claims | training | sentences a second |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        f1, inherited = row["macro_f1"], row["inherited_f1"]
        lines.append(
            f"| {row['context']} | {_mean(f1):.3f} ({min(f1):.3f}–{max(f1):.3f}) "
            f"| {_mean(inherited):.3f} ({min(inherited):.3f}–{max(inherited):.3f}) "
            f"| {_mean(row['seconds']):.0f} s | {_mean(row['sentences_per_second']):.0f} |"
        )
    return "\n".join(lines)


def learning_table() -> str:
    """Return what `python -m scripts.learning_curve` measured last."""
    rows = json.loads((MEASURED / "learning.json").read_text(encoding="utf-8"))
    names = list(rows[0]["per_label"])
    lines = [
        f"| trained on | sentences | macro F1 (95% interval) | {' | '.join(names)} | inherited claims | TF-IDF |",
        "|---|---|---|" + "---|" * len(names) + "---|---|",
    ]
    for row in rows:
        low, high = row["macro_f1_interval"]
        per_label = " | ".join(f"{row['per_label'][name]:.2f}" for name in names)
        lines.append(
            f"| {row['trained on']} | {row['sentences']} | {row['macro_f1']:.3f} ({low:.3f}–{high:.3f}) | {per_label} "
            f"| {row['inherited_f1'] or 0:.2f} | {row['tfidf']:.3f} |"
        )
    return "\n".join(lines)


def scores_table() -> str:
    """Return the test scores of the default run: scripts/measured/default.json, a copy of its metrics.json."""
    test = json.loads((MEASURED / "default.json").read_text(encoding="utf-8"))["test"]
    names = list(test["per_label"])
    lines = [f"| | macro F1 (95% interval) | {' | '.join(names)} |", "|---|---|" + "---|" * len(names)]
    for title, scores in (("default model", test), *((name.replace("_", " "), s) for name, s in test["baselines"].items())):
        low, high = scores["macro_f1_interval"]
        per_label = " | ".join(f"{scores['per_label'][name]['f1']:.2f}" for name in names)
        lines.append(f"| {title} | {scores['macro_f1']:.3f} ({low:.3f}–{high:.3f}) | {per_label} |")
    kept, inherited = test["kept"], test["inherited"]
    lines += [
        "",
        f"{test['n']} sentences of {test['articles']} articles about {test['events']} events that the training never saw. "
        f"Expected calibration error {test['ece']:.3f}. The model abstains below probability {kept['threshold']:.2f}; of the "
        f"{kept['share']:.0%} of sentences it keeps, {kept['accuracy']:.1%} are right. Claims attributed only by another "
        f"sentence ({inherited['n']} of them): F1 {inherited['f1']:.2f}.",
    ]
    return "\n".join(lines)


def help_text(package: str) -> str:
    """Return what `python -m PACKAGE --help` prints, as a Markdown block."""
    done = subprocess.run([sys.executable, "-m", package, "--help"], capture_output=True, text=True, check=True, env=_WIDE)
    return f"```\n{done.stdout.rstrip()}\n```"


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
