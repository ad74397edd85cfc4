"""Tables of the docs, made from what they describe; `make docs` writes them, `make lint` checks them.

Each public function returns Markdown. Scores and speeds come from docs/measured, where training and the benchmarks left them.
"""

import json
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from labels.annotations import read_corpus
from labels.annotations.agreement import agreement
from labels.annotations.standoff import read_all_labels
from labels.scheme import load_scheme
from scripts.agreement import SHIPPED, votes_of

CORPUS = Path("labels/corpus/fiction")
MEASURED = Path("docs/measured")
TITLES = {"tfidf_logistic_regression": "TF-IDF + logistic regression", "majority": "always the most frequent label"}
GOALS = {  # (good, goal) of the F1 of each label on real articles
    "quoted_claim": (0.87, 0.90),
    "fact": (0.76, 0.83),
    "condition": (0.70, 0.80),
    "editorial_framing": (0.68, 0.76),
}
EXTERNAL = {"polnear": "PolNeAR", "gum_news": "GUM news"}
HELP_ENVIRONMENT = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1"}
HELP_COLUMN = 24  # where argparse begins the help of an option
# Python 3.11 and 3.12 write "-o FILE, --output FILE", newer ones "-o, --output FILE"
SHORT_AND_LONG = re.compile(r"^  (-\w) (\w+), (--[\w-]+) \2\n +", re.MULTILINE)


def label_table() -> str:
    """Return the labels of the scheme: all that an annotator needs."""
    header = ["name", "shown as", "meaning", "for example", "key"]
    rows = [
        [f"`{label.name}`", label.title, label.definition, "<br>".join(label.examples), label.hotkey]
        for label in load_scheme().labels
    ]
    return _table(header, rows)


def short_label_table() -> str:
    """Return the labels of the scheme with their meaning only."""
    return _table(["label", "meaning"], [[f"`{label.name}`", label.definition] for label in load_scheme().labels])


def corpus_table(by: str) -> str:
    """Return the original corpus's counts per label; `by` is kind, topic or event."""
    corpus = read_corpus(CORPUS, load_scheme())
    return _counts([(getattr(a, by), [s.label for s in a.sentences if s.label]) for a in corpus], by)


def real_table(by: str) -> str:
    """Return the counts per label of the stand-off labels of real articles; `by` is corpus, split or topic."""
    labelled = read_all_labels(load_scheme())
    return _counts([(name if by == "corpus" else getattr(a, by), [row.label for row in a.rows]) for name, a in labelled], by)


def _counts(articles: Sequence[tuple[str, list[str]]], by: str) -> str:
    """Count labels by group, largest group first, from one (group, labels of the sentences) an article."""
    names = load_scheme().names
    sizes = Counter(group for group, _ in articles)
    counts = Counter((group, label) for group, labels in articles for label in labels)
    rows = []
    for group, size in sorted(sizes.items(), key=lambda item: (-item[1], item[0])):
        of_group = [counts[group, name] for name in names]
        rows.append([group, size, sum(of_group), *of_group])
    totals = [sum(counts[group, name] for group in sizes) for name in names]
    rows.append([f"**{cell}**" for cell in ("all", len(articles), sum(totals), *totals)])
    return _table([by, "articles", "sentences", *names], rows)


def corpus_facts() -> str:
    """Return the sizes of both corpora in a sentence each."""
    scheme = load_scheme()
    corpus = read_corpus(CORPUS, scheme)
    sentences = [s for a in corpus for s in a.sentences]
    real = read_all_labels(scheme)
    rows = [row for _, a in real for row in a.rows]
    outlets = defaultdict(set)
    for name, a in real:
        outlets[name, a.event].add(a.outlet)
    return (
        f"The original corpus: {len(sentences)} sentences in {len(corpus)} articles "
        f"by {len({a.article.outlet for a in corpus})} outlets about {len({a.event for a in corpus})} events "
        f"of {len({a.topic for a in corpus})} topics; "
        f"{sum(s.inherited for s in sentences)} claims are attributed only by another sentence.\n\n"
        f"The real articles: {len(rows)} sentences in {len(real)} articles about {len(outlets)} events, "
        f"{sum(len(names) > 1 for names in outlets.values())} of them by at least two outlets; "
        f"{sum(row.inherited for row in rows)} claims are attributed only by another sentence."
    )


def agreement_table() -> str:
    """Return the agreement of the two passes over each corpus."""
    scheme = load_scheme()
    header = ["corpus", "annotators", "sentences", "same label", "Cohen's κ", "Krippendorff's α", *scheme.names]
    rows = []
    for path in SHIPPED:
        for pair in agreement(votes_of(path, scheme)):
            per_label = [f"{pair.per_label.get(name, 0):.2f}" for name in scheme.names]
            scores = [f"{pair.observed:.1%}", f"{pair.kappa:.3f}", f"{pair.alpha:.3f}"]
            rows.append([path.name, f"{pair.first}, {pair.second}", pair.n, *scores, *per_label])
    return _table(header, rows)


def score_line(*runs: str) -> str:
    """Return the test scores of runs on the same sentences in one line, beside those of the plain baseline."""
    tests = {run: _test_scores(run) for run in runs}
    models = []
    for run, test in tests.items():
        low, high = test["macro_f1_interval"]
        models.append(f"{test['macro_f1']:.2f} ({low:.2f}–{high:.2f}) with `{run}`")
    test = tests[runs[0]]
    baseline = test["baselines"]["tfidf_logistic_regression"]["macro_f1"]
    return (
        f"macro F1 {', '.join(models)}; TF-IDF with logistic regression reaches {baseline:.2f} ({test['n']:,} test sentences)."
    )


def scores_table(*runs: str) -> str:
    """Return the test scores of runs on the same sentences; docs/measured/RUN.json is a copy of a run's metrics.json."""
    tests = {run: _test_scores(run) for run in runs}
    test = tests[runs[0]]
    names = list(test["per_label"])
    rows_by_title = {f"`{run}` model": scores for run, scores in tests.items()}
    rows_by_title |= {TITLES[name]: scores for name, scores in test["baselines"].items()}
    rows = [
        [title, _with_interval(scores), *(f"{scores['per_label'][name]['f1']:.2f}" for name in names)]
        for title, scores in rows_by_title.items()
    ]
    notes = [f"{test['n']} sentences of {test['articles']} articles about {test['events']} events that the training never saw."]
    for run, scores in tests.items():
        kept, inherited = scores["kept"], scores["inherited"]
        notes.append(
            f"`{run}`: expected calibration error {scores['ece']:.3f}; it abstains below probability {kept['threshold']:.2f}, "
            f"and of the {kept['share']:.0%} of sentences it keeps, {kept['accuracy']:.1%} are right; inherited claims "
            f"({inherited['n']} of them) F1 {inherited['f1']:.2f}."
        )
    return "\n".join([_table(["", "macro F1 (95% interval)", *names], rows), "", *(f"- {note}" for note in notes)])


def goals_table(*runs: str) -> str:
    """Return the goals on real articles beside what runs reached, with intervals where a run has one."""
    rows = []
    for results in zip(*(_reached(_test_scores(run)) for run in runs), strict=True):
        title, good, goal, *_ = results[0]
        cells = [f"{value:.2f}" + (f" ({ends[0]:.2f}–{ends[1]:.2f})" if ends else "") for *_, value, ends in results]
        rows.append([title, f"{good:.2f}", f"{goal:.2f}", *cells])
    return _table(["on the test articles", "good", "goal", *(f"`{run}`" for run in runs)], rows)


def _reached(test: dict[str, Any]) -> list[tuple[str, float, float, float, Sequence[float]]]:
    """Return (title, good, goal, reached, interval if it has one) for each goal."""
    per_label = test["per_label"]
    lost = test["outlets"]["seen"]["macro_f1"] - test["outlets"]["unseen"]["macro_f1"]
    return [
        ("macro F1, four labels", 0.75, 0.82, test["macro_f1"], test["macro_f1_interval"]),
        *((f"`{name}` F1", *goals, per_label[name]["f1"], per_label[name]["f1_interval"]) for name, goals in GOALS.items()),
        ("expected calibration error, at most", 0.08, 0.04, test["ece"], ()),
        ("macro F1 on the 80% most certain", 0.84, 0.90, test["most_certain"], ()),
        *((f"`skip`, {side}", 0.97, 0.99, per_label["skip"][side], ()) for side in ("precision", "recall")),
        ("macro F1 lost on outlets that no training article is of, at most", 0.06, 0.03, lost, ()),
    ]


def learning_table() -> str:
    """Return what `python -m scripts.learning_curve` measured last."""
    measured = _measured("learning")
    names = list(measured[0]["per_label"])
    header = ["trained on", "sentences", "macro F1 (95% interval)", *names, "inherited claims", "TF-IDF"]
    rows = []
    for row in measured:
        per_label = [f"{row['per_label'][name]:.2f}" for name in names]
        inherited = row["inherited_f1"] or 0
        rows.append(
            [row["trained on"], row["sentences"], _with_interval(row), *per_label, f"{inherited:.2f}", f"{row['tfidf']:.3f}"]
        )
    return _table(header, rows)


def peers_table() -> str:
    """Return what `python -m scripts.bench.peers` measured last."""
    measured = _measured("peers")["rows"].values()
    names = list(max((row["per_label"] for row in measured), key=len, default=()))
    header = ["", "macro F1", *names, "claim or condition", "training", "sentences a second", "memory"]
    rows = []
    for row in measured:
        per_label = [f"{row['per_label'][name]:.2f}" if name in row["per_label"] else "" for name in names]
        macro = f"{row['macro_f1']:.3f}" if row["macro_f1"] is not None else ""
        training = f"{row['training_seconds']:.0f} s" if row["training_seconds"] is not None else ""
        speed = [training, f"{row['sentences_per_second']:.0f}", f"{row['memory_mb']} MB"]
        rows.append([row["title"], macro, *per_label, f"{row['attributed_f1']:.2f}", *speed])
    return _table(header, rows)


def external_table() -> str:
    """Return what `python -m scripts.bench.external` measured last."""
    measured = _measured("external")
    rows = []
    if "checkthat" in measured:
        row = measured["checkthat"]
        scores = {f"`{row['config'].partition('.')[0]}`, trained on the task": row["trained"]}
        scores |= {f"`{row['model']}` as it is": row["zero_shot"], TITLES["majority"]: row["majority"]}
        what = "objective or subjective, macro F1"
        rows += [["CheckThat! 2025", row["n"], what, model, f"{score:.3f}"] for model, score in scores.items()]
    for name, title in EXTERNAL.items():
        if name in measured:
            row = measured[name]
            score = f"{row['f1']:.3f} (precision {row['precision']:.2f}, recall {row['recall']:.2f})"
            rows.append([title, row["n"], "somebody else's words, F1", f"`{row['model']}`", score])
    return _table(["labels of", "sentences", "what is scored", "model", "score"], rows)


def bench_table() -> str:
    """Return what `python -m scripts.bench.speed` measured last."""
    measured = _measured("bench")
    tools = [row for row in measured["rows"] if "missing" not in row]
    plain = next(row["sentences_per_second"] for row in tools if "pipeline" in row["title"])
    header = ["", "sentences a second", "× the pipeline", "start-up", "memory", "share of the peak", "same label", "macro F1"]
    rows = []
    for row in tools:
        rate = row["sentences_per_second"]
        cells = [f"{rate:.0f}", f"{rate / plain:.1f}", f"{row['startup_seconds']:.1f} s", f"{row['memory_mb']} MB"]
        if "ece" in row:
            share = rate * measured["gflop_a_sentence"] / measured["peak_gflops"]
            cells += [f"{share:.0%}", f"{row['same_label']:.1%}", f"{row['macro_f1']:.3f}"]
        else:
            cells += ["", "", ""]
        rows.append([row["title"], *cells])
    whole = sum(measured["stages"].values())
    stages = ", ".join(f"{name} {seconds / whole:.1%}" for name, seconds in measured["stages"].items())
    note = (
        f"`{measured['model']}`, {measured['sentences']} sentences of {measured['articles']} validation articles, on "
        f"{measured['cores']} cores. Their peak, the fastest product of two large 32-bit matrices, is "
        f"{measured['peak_gflops']:.0f} GFLOP/s; a sentence takes {measured['gflop_a_sentence']:.2f} GFLOP. "
        f"Where the time goes with torch: {stages}."
    )
    return f"{_table(header, rows)}\n\n{note}"


def archive_table() -> str:
    """Return what `python -m scripts.bench.archive` measured last."""
    measured = _measured("archive")
    rows = []
    for row in measured["rows"]:
        sizes = [f"{row[f'{name}_bytes'] / 1e6:.1f} MB" for name in ("input", "output")]
        work = [f"{row['seconds']:.0f} s", f"{row['sentences'] / row['seconds']:.0f}", f"{row['memory_mb']} MB"]
        rows.append([f"{row['sentences']:,}", f"{row['articles']:,}", *sizes, *work])
    largest, killed = measured["rows"][-1], ", ".join(map(str, measured["killed_after_files"]))
    note = (
        f"`{measured['model']}`, {measured['cores']} cores, {measured['part']} articles a file; the time includes start-up. "
        f"The largest archive was tagged a second time: the run was killed after {killed} of its {measured['files']} files "
        f"and started again each time. Of {largest['sentences']:,} rows, {measured['rows_differ']} differ from the undisturbed "
        "run."
    )
    header = ["sentences", "articles", "input", "output", "time", "sentences a second", "memory"]
    return f"{_table(header, rows)}\n\n{note}"


def plan_table(articles: int, machines: int, cores: int, dollars: float, part: int) -> str:
    """Return what so many articles need, at the rate and the sizes of the largest archive that was measured."""
    measured = _measured("archive")
    row = measured["rows"][-1]
    length, rate = row["sentences"] / row["articles"], row["sentences"] / row["seconds"] / measured["cores"]
    hours = articles * length / rate / 3600
    gigabytes = {name: f"{articles * row[f'{name}_bytes'] / row['articles'] / 1e9:,.0f} GB" for name in ("input", "output")}
    rows = [
        ["sentences", f"{articles * length / 1e9:.1f} billion", f"{articles / 1e6:.0f} million articles of {length:.0f}"],
        ["core-hours", f"{hours:,.0f}", f"{rate:.0f} sentences a second and core"],
        ["time", f"{hours / machines / cores:.1f} hours", f"{machines} machines of {cores} cores"],
        ["money", f"{hours * dollars:,.0f} dollars", f"{dollars} dollars a core-hour"],
        ["input", gigabytes["input"], "as JSONL, not compressed"],
        ["output", gigabytes["output"], f"{articles // part:,} files of Parquet"],
        ["work lost when a node dies", f"at most {part * length / rate / 60:.0f} minutes a core", f"--part {part}"],
    ]
    return _table(["", "", ""], rows)


def server_table() -> str:
    """Return what `python -m scripts.bench.server` measured last."""
    measured = _measured("server")
    times = measured["long_seconds"]
    refused = sum(count for status, count in measured["statuses"].items() if status in ("429", "503"))
    before, after = measured["memory_mb"]
    rows = {
        "from its start to the first answer": f"{measured['startup_seconds']:.2f} s",
        f"an article of {measured['long']} sentences, by itself": (
            f"{times[len(times) // 2] * 1000:.0f} ms (longest of {len(times)}: {times[-1] * 1000:.0f} ms)"
        ),
        f"{measured['clients']} clients at once, {measured['articles']} articles": (
            f"{measured['articles_per_second']:.1f} articles, {measured['sentences_per_second']:.0f} sentences a second"
        ),
        "half of the clients have waited no longer than": (
            f"{measured['half_seconds']:.1f} s (the last: {measured['slowest_seconds']:.1f} s)"
        ),
        "answers that are wrong, lost or an error": measured["wrong"],
        "requests that were refused, and sent again": refused,
        "memory before and after": f"{before} MB, {after} MB",
    }
    return _table([f"`{measured['model']}`, {measured['cores']} cores", ""], [[title, cell] for title, cell in rows.items()])


def next_batch_table() -> str:
    """Return what `python -m scripts.bench.next_batch` measured last."""
    measured = _measured("next_batch")
    needed = {"random sentences": measured["needed"]["random"], "least certain first": measured["needed"]["next_batch"]}
    rows = [[title, f"{_mean(labels):.0f} ({min(labels)}–{max(labels)})"] for title, labels in needed.items()]
    saved = 1 - _mean(needed["least certain first"]) / _mean(needed["random sentences"])
    note = (
        f"{measured['sentences']} sentences to choose from, {measured['test']} to test on, {len(needed['random sentences'])} "
        f"seeds; macro F1 with all of them {measured['full']:.3f}. Labels saved: {saved:.0%}."
    )
    return f"{_table(['order', 'labels needed for 95% of the full macro F1, mean (fewest–most)'], rows)}\n\n{note}"


def help_text(command: str) -> str:
    """Return what `COMMAND --help` prints, as a block: of `newsvoice VERB`, or of a package that is run with python -m."""
    arguments = [sys.executable, "-m", *command.removeprefix("python -m ").split(), "--help"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, env=HELP_ENVIRONMENT)
    text = SHORT_AND_LONG.sub(lambda match: f"  {match[1]}, {match[3]} {match[2]}".ljust(HELP_COLUMN), done.stdout)
    return f"```\n{text.rstrip()}\n```"


def _table(header: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = [f"| {' | '.join(map(str, row))} |" for row in (header, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(header), *lines[1:]])


def _with_interval(row: dict[str, Any]) -> str:
    low, high = row["macro_f1_interval"]
    return f"{row['macro_f1']:.3f} ({low:.3f}–{high:.3f})"


def _test_scores(run: str) -> dict[str, Any]:
    scores: dict[str, Any] = _measured(run)["test"]
    return scores


def _measured(name: str) -> Any:
    """Return what a measurement left in docs/measured."""
    return json.loads((MEASURED / f"{name}.json").read_text(encoding="utf-8"))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
