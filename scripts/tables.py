"""Tables of the docs, made from what they describe; `make docs` writes them, `make lint` checks them.

python -m scripts.tables labels|corpus|contexts
"""

import json
import sys
from collections import Counter
from pathlib import Path

from labels.annotations import read_corpus
from labels.scheme import load_scheme

CORPUS = Path("labels/corpus/fiction")
MEASURED = Path("scripts/measured")


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
        f"{len(sentences)} sentences, {len({a.event for a in corpus})} events, {len({a.article.outlet for a in corpus})} outlets; "
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


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _kappa(sentences: list) -> float:  # type: ignore[type-arg]
    first, second = ([s.votes[n].label for s in sentences] for n in (0, 1))
    observed = sum(a == b for a, b in zip(first, second, strict=True)) / len(first)
    a, b = Counter(first), Counter(second)
    expected = sum(a[name] * b[name] for name in a) / len(first) ** 2
    return (observed - expected) / (1 - expected)


TABLES = {"labels": label_table, "corpus": corpus_table, "contexts": contexts_table}

if __name__ == "__main__":
    print(TABLES[sys.argv[1]]())
