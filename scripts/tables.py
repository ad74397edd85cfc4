"""Tables of the docs, made from what they describe; `make docs` writes them, `make lint` checks them.

python -m scripts.tables labels|corpus|contexts|scores
"""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from labels.annotations import LabeledSentence, read_corpus
from labels.scheme import load_scheme

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


def corpus_table() -> str:
    """Return the corpus's counts per label and kind of text as Markdown tables."""
    corpus, names = read_corpus(CORPUS, load_scheme()), load_scheme().names
    counts = Counter((a.kind, s.label) for a in corpus for s in a.sentences)
    kinds = Counter(a.kind for a in corpus)
    lines = [f"| kind of text | articles | {' | '.join(names)} |", "|---|---|" + "---|" * len(names)]
    for kind, number in kinds.most_common():
        lines.append(f"| {kind} | {number} | " + " | ".join(str(counts[kind, name]) for name in names) + " |")
    totals = [str(sum(counts[kind, name] for kind in kinds)) for name in names]
    lines.append(f"| **all** | **{len(corpus)}** | " + " | ".join(f"**{total}**" for total in totals) + " |")
    sentences = [s for a in corpus for s in a.sentences]
    inherited = sum(s.inherited for s in sentences)
    agreed = sum(s.votes[0].label == s.votes[1].label for s in sentences)
    lines += [
        "",
        f"{len(sentences)} sentences, {len({a.event for a in corpus})} events, "
        f"{len({a.article.outlet for a in corpus})} outlets; "
        f"{inherited} claims are attributed only by another sentence. "
        f"The two passes agree on {agreed} sentences ({agreed / len(sentences):.1%}); Cohen's kappa {_kappa(sentences):.3f}.",
    ]
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


def _kappa(sentences: Sequence[LabeledSentence]) -> float:
    first, second = ([s.votes[n].label for s in sentences] for n in (0, 1))
    observed = sum(a == b for a, b in zip(first, second, strict=True)) / len(first)
    a, b = Counter(first), Counter(second)
    expected = sum(a[name] * b[name] for name in a) / len(first) ** 2
    return (observed - expected) / (1 - expected)


TABLES = {"labels": label_table, "corpus": corpus_table, "contexts": contexts_table, "scores": scores_table}

if __name__ == "__main__":
    print(TABLES[sys.argv[1]]())
