"""Tables of the docs, made from what they describe; `make docs` writes them, `make lint` checks them."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labels.annotations.agreement import agreement
from labels.annotations.corpus import read_corpus
from labels.annotations.standoff import read_all_labels
from labels.scheme import load_scheme
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
    return _counts([(getattr(a, by), [s.label for s in a.sentences if s.label]) for a in corpus], by)


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
    """Return what `python -m scripts.compare_contexts` measured last; of several seeds, the means."""
    rows = _measured("contexts")
    lines = [
        "| context | macro F1 on validation | on test (95% interval) | F1 on inherited claims | sentences a second |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        low, high = (_mean([interval[side] for interval in row["interval"]]) for side in (0, 1))
        lines.append(
            f"| {row['context']} | {_mean(row['validation']):.3f} | {_mean(row['macro_f1']):.3f} ({low:.3f}–{high:.3f}) "
            f"| {_mean(row['inherited_f1']):.2f} | {_mean(row['sentences_per_second']):.0f} |"
        )
    return "\n".join(lines)


def learning_table() -> str:
    """Return what `python -m scripts.learning_curve` measured last."""
    rows = _measured("learning")
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


def scores_table(*runs: str) -> str:
    """Return the test scores of runs on the same sentences: of each scripts/measured/RUN.json, a copy of its metrics.json."""
    tests = {run: _test_scores(run) for run in runs}
    test = tests[runs[0]]
    names = list(test["per_label"])
    lines = [f"| | macro F1 (95% interval) | {' | '.join(names)} |", "|---|---|" + "---|" * len(names)]
    rows = {f"`{run}` model": scores for run, scores in tests.items()}
    rows |= {name.replace("_", " "): scores for name, scores in test["baselines"].items()}
    for title, scores in rows.items():
        low, high = scores["macro_f1_interval"]
        per_label = " | ".join(f"{scores['per_label'][name]['f1']:.2f}" for name in names)
        lines.append(f"| {title} | {scores['macro_f1']:.3f} ({low:.3f}–{high:.3f}) | {per_label} |")
    said = [f"{test['n']} sentences of {test['articles']} articles about {test['events']} events that the training never saw."]
    for run, scores in tests.items():
        kept, inherited = scores["kept"], scores["inherited"]
        said.append(
            f"`{run}`: expected calibration error {scores['ece']:.3f}; it abstains below probability {kept['threshold']:.2f}, "
            f"and of the {kept['share']:.0%} of sentences it keeps, {kept['accuracy']:.1%} are right; claims attributed only "
            f"by another sentence ({inherited['n']} of them) F1 {inherited['f1']:.2f}."
        )
    return "\n".join([*lines, "", " ".join(said)])


def goals_table(*runs: str) -> str:
    """Return what was wanted on real articles beside what runs reached, with intervals where there are some."""
    lines = [f"| on the test articles | good | goal | {' | '.join(f'`{run}`' for run in runs)} |"]
    lines.append("|---|---|---|" + "---|" * len(runs))
    for rows in zip(*(_reached(_test_scores(run)) for run in runs), strict=True):
        title, good, goal, *_ = rows[0]
        cells = [f"{value:.2f}" + (f" ({spread[0]:.2f}–{spread[1]:.2f})" if spread else "") for *_, value, spread in rows]
        lines.append(f"| {title} | {good:.2f} | {goal:.2f} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _reached(test: dict[str, Any]) -> list[tuple[str, float, float, float, Sequence[float]]]:
    """Return (what, good, goal, reached, interval or nothing) of each thing wanted."""
    per_label = test["per_label"]
    wanted = {"quoted_claim": (0.87, 0.90), "fact": (0.76, 0.83), "condition": (0.70, 0.80), "editorial_framing": (0.68, 0.76)}
    lost = test["outlets"]["seen"]["macro_f1"] - test["outlets"]["unseen"]["macro_f1"]
    return [
        ("macro F1, four labels", 0.75, 0.82, test["macro_f1"], test["macro_f1_interval"]),
        *((f"`{name}` F1", *goals, per_label[name]["f1"], per_label[name]["f1_interval"]) for name, goals in wanted.items()),
        ("expected calibration error, at most", 0.08, 0.04, test["ece"], ()),
        ("macro F1 on the 80% most certain", 0.84, 0.90, test["most_certain"], ()),
        *((f"boilerplate kept out, {side}", 0.97, 0.99, per_label["skip"][side], ()) for side in ("precision", "recall")),
        ("macro F1 lost on outlets no training article is of, at most", 0.06, 0.03, lost, ()),
    ]


def _test_scores(run: str) -> dict[str, Any]:
    scores: dict[str, Any] = _measured(run)["test"]
    return scores


def peers_table() -> str:
    """Return what `python -m scripts.compare_peers` measured last."""
    rows = _measured("peers")["rows"]
    names = list(max((row["per_label"] for row in rows.values()), key=len, default=()))
    lines = [
        f"| | macro F1 | {' | '.join(names)} | claim or condition | training | sentences a second | memory |",
        "|---|---|" + "---|" * len(names) + "---|---|---|---|",
    ]
    for row in rows.values():
        of = [f"{row['per_label'][name]:.2f}" if name in row["per_label"] else "" for name in names]
        macro = f"{row['macro_f1']:.3f}" if row["macro_f1"] is not None else ""
        training = f"{row['training_seconds']:.0f} s" if row["training_seconds"] is not None else ""
        figures = [macro, *of, f"{row['attributed_f1']:.2f}", training, f"{row['sentences_per_second']:.0f}"]
        lines.append(f"| {row['title']} | {' | '.join(figures)} | {row['memory_mb']} MB |")
    return "\n".join(lines)


def bench_table() -> str:
    """Return what `python -m scripts.bench --peers` measured last."""
    found = _measured("bench")
    rows = [row for row in found["rows"] if "missing" not in row]
    plain = next(row["sentences_per_second"] for row in rows if "pipeline" in row["title"])
    names = ("", "sentences a second", "× the pipeline", "start-up", "memory", "of the product peak", "same label", "macro F1")
    lines = [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    for row in rows:
        rate = row["sentences_per_second"]
        share = f"{rate * found['gflop_a_sentence'] / found['peak_gflops']:.0%}" if "ece" in row else ""
        same, score = (f"{row['same_label']:.1%}", f"{row['macro_f1']:.3f}") if "ece" in row else ("", "")
        lines.append(
            f"| {row['title']} | {rate:.0f} | {rate / plain:.1f} | {row['startup_seconds']:.1f} s | {row['memory_mb']} MB "
            f"| {share} | {same} | {score} |"
        )
    whole = sum(found["stages"].values())
    stages = ", ".join(f"{name} {seconds / whole:.1%}" for name, seconds in found["stages"].items())
    lines += [
        "",
        f"`{found['model']}`, {found['sentences']} sentences of {found['articles']} validation articles, on {found['cores']} "
        f"cores, whose best product of two large matrices at full width reaches {found['peak_gflops']:.0f} GFLOP/s; a sentence "
        f"takes {found['gflop_a_sentence']:.2f} GFLOP. Where the time goes with torch: {stages}.",
    ]
    return "\n".join(lines)


def archive_table() -> str:
    """Return what `python -m scripts.bench_archive` measured last."""
    found = _measured("archive")
    lines = ["| sentences | articles | input | output | time | sentences a second | memory |", "|---|---|---|---|---|---|---|"]
    for row in found["rows"]:
        sizes = " | ".join(f"{row[f'{name}_bytes'] / 1e6:.1f} MB" for name in ("input", "output"))
        rate = row["sentences"] / row["seconds"]
        work = f"{row['seconds']:.0f} s | {rate:.0f} | {row['memory_mb']} MB"
        lines.append(f"| {row['sentences']:,} | {row['articles']:,} | {sizes} | {work} |")
    killed = ", ".join(map(str, found["killed_after_files"]))
    lines += [
        "",
        f"`{found['model']}`, {found['cores']} cores, {found['part']} articles a file; the time includes start-up. The largest "
        f"was tagged once more, killed after {killed} of its {found['files']} files were written and started again each time: "
        f"of {row['sentences']:,} rows, {found['rows_differ']} differ from those of the run that nobody disturbed.",
    ]
    return "\n".join(lines)


def plan_table(articles: int, machines: int, cores: int, dollars: float, part: int) -> str:
    """Return what so many articles need, at the rate and the sizes of the largest archive that was measured."""
    found = _measured("archive")
    row = found["rows"][-1]
    length, rate = row["sentences"] / row["articles"], row["sentences"] / row["seconds"] / found["cores"]
    hours = articles * length / rate / 3600
    lines = [
        ("sentences", f"{articles * length / 1e9:.1f} billion", f"{articles / 1e6:.0f} million articles of {length:.0f}"),
        ("core-hours", f"{hours:,.0f}", f"{rate:.0f} sentences a second and core"),
        ("time", f"{hours / machines / cores:.1f} hours", f"{machines} machines of {cores} cores"),
        ("money", f"{hours * dollars:,.0f} dollars", f"{dollars} dollars a core-hour"),
        ("input", f"{articles * row['input_bytes'] / row['articles'] / 1e9:,.0f} GB", "as JSONL, not compressed"),
        (
            "output",
            f"{articles * row['output_bytes'] / row['articles'] / 1e9:,.0f} GB",
            f"{articles // part:,} files of Parquet",
        ),
        ("work lost when a node dies", f"at most {part * length / rate / 60:.0f} minutes a core", f"--part {part}"),
    ]
    return "\n".join(["| | | |", "|---|---|---|", *(f"| {' | '.join(line)} |" for line in lines)])


def server_table() -> str:
    """Return what `python -m scripts.bench_server` measured last."""
    found = _measured("server")
    alone = found["long_seconds"]
    refused = sum(count for status, count in found["statuses"].items() if status in ("429", "503"))
    before, after = found["memory_mb"]
    rows = [
        ("from its start to the first answer", f"{found['startup_seconds']:.2f} s"),
        (
            f"an article of {found['long']} sentences, by itself",
            f"{alone[len(alone) // 2] * 1000:.0f} ms (longest of {len(alone)}: {alone[-1] * 1000:.0f} ms)",
        ),
        (
            f"{found['clients']} clients at once, {found['articles']} articles",
            f"{found['articles_per_second']:.1f} articles, {found['sentences_per_second']:.0f} sentences a second",
        ),
        (
            "half of the clients have waited no longer than",
            f"{found['half_seconds']:.1f} s (the last: {found['slowest_seconds']:.1f} s)",
        ),
        ("answers that are wrong, lost or an error; refused and asked again", f"{found['wrong']}; {refused}"),
        ("memory before and after", f"{before} MB, {after} MB"),
    ]
    lines = [
        f"| `{found['model']}`, {found['cores']} cores | |",
        "|---|---|",
        *(f"| {what} | {measured} |" for what, measured in rows),
    ]
    return "\n".join(lines)


def next_batch_table() -> str:
    """Return what `python -m scripts.simulate_next_batch` measured last."""
    found = _measured("next_batch")
    lines = ["| order | labels needed for 95% of the full macro F1, mean (fewest–most) |", "|---|---|"]
    for name, title in (("random", "random sentences"), ("next_batch", "least certain first")):
        needed = found["needed"][name]
        lines.append(f"| {title} | {_mean(needed):.0f} ({min(needed)}–{max(needed)}) |")
    saved = 1 - _mean(found["needed"]["next_batch"]) / _mean(found["needed"]["random"])
    lines += [
        "",
        f"{found['sentences']} sentences to choose from, {found['test']} to test on, {len(needed)} seeds; macro F1 with all of "
        f"them {found['full']:.3f}. Labels saved: {saved:.0%}.",
    ]
    return "\n".join(lines)


def external_table() -> str:
    """Return what `python -m scripts.external` measured last, a line a corpus."""
    found = _measured("external")
    lines = ["| labels of | sentences | what | model | score |", "|---|---|---|---|---|"]
    if "checkthat" in found:
        row = found["checkthat"]
        lines += [
            f"| CheckThat! 2025 | {row['n']} | objective or subjective, macro F1 | {what} | {row[key]:.3f} |"
            for key, what in (
                ("trained", f"`{row['config']}` trained on the task"),
                ("zero_shot", f"`{row['model']}` as it is"),
            )
        ]
        lines.append(f"| | | | majority | {row['majority']:.3f} |")
    for name, title in (("polnear", "PolNeAR"), ("gum_news", "GUM news")):
        if name in found:
            row = found[name]
            score = f"{row['f1']:.3f} (precision {row['precision']:.2f}, recall {row['recall']:.2f})"
            lines.append(f"| {title} | {row['n']} | somebody else's words, F1 | `{row['model']}` | {score} |")
    return "\n".join(lines)


def help_text(package: str) -> str:
    """Return what `python -m PACKAGE --help` prints, as a Markdown block."""
    done = subprocess.run([sys.executable, "-m", package, "--help"], capture_output=True, text=True, check=True, env=_WIDE)
    return f"```\n{done.stdout.rstrip()}\n```"


def _measured(name: str) -> Any:
    """Return what was kept of a measurement in scripts/measured."""
    return json.loads((MEASURED / f"{name}.json").read_text(encoding="utf-8"))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
