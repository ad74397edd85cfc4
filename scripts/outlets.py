"""Compare outlets by what their sentences are: shares of the labels, with 95% intervals.

    python -m scripts.outlets tagged/
    python -m scripts.outlets tagged.parquet --picture outlets.png

Takes the output of `python -m models tag-archive`, or any Parquet table with its columns. Intervals are by bootstrap over an
outlet's articles, since sentences of one article are alike. What is not article text does not count.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from labels.commands import DONE, command, execute
from labels.errors import ArticleError
from labels.scheme import DEFAULT_SCHEME, LabelScheme, load_scheme
from models.arrays import Floats, Ints

SAMPLES = 1000
Counts = dict[str, Ints]  # outlet: sentences [articles, labels]


def main() -> int:
    parser = command(__doc__)
    parser.add_argument("tagged", type=Path, metavar="TAGGED")
    parser.add_argument("--picture", type=Path, metavar="PNG", help="draw the shares too")
    parser.add_argument("--at-least", type=int, default=5, metavar="N", help="articles of an outlet (default: %(default)s)")
    parser.add_argument("--scheme", type=Path, default=DEFAULT_SCHEME, help="the labels (default: labels/scheme.yaml)")
    return execute(parser, _run)


def _run(arguments: argparse.Namespace) -> int:
    scheme = load_scheme(arguments.scheme)
    counts = {outlet: rows for outlet, rows in _count(arguments.tagged, scheme).items() if len(rows) >= arguments.at_least}
    if not counts:
        raise ArticleError(f"{arguments.tagged}: no outlet has {arguments.at_least} articles; ask for fewer with --at-least")
    shares = {outlet: _shares(rows) for outlet, rows in counts.items()}
    print(table(counts, shares, scheme))
    if arguments.picture:
        draw(shares, scheme, arguments.picture)
    return DONE


def table(counts: Mapping[str, Ints], shares: Mapping[str, Floats], scheme: LabelScheme) -> str:
    """Return a Markdown table, a row an outlet, largest first."""
    titles = [scheme.label(name).title for name in scheme.article_labels]
    lines = [f"| outlet | articles | sentences | {' | '.join(titles)} |", "|---|---|---|" + "---|" * len(titles)]
    for outlet, rows in sorted(counts.items(), key=lambda item: -item[1].sum()):
        cells = [f"{share:.0%} ({low:.0%}–{high:.0%})" for share, low, high in shares[outlet]]
        lines.append(f"| {outlet} | {len(rows)} | {rows.sum()} | {' | '.join(cells)} |")
    return "\n".join(lines)


def draw(shares: Mapping[str, Floats], scheme: LabelScheme, path: Path) -> None:
    """Draw the shares as stacked bars, an outlet a bar, that with the most of the first label on top."""
    from train.figures import bars_png

    ordered = sorted(shares, key=lambda outlet: float(shares[outlet][0][0]))
    labels = [scheme.label(name) for name in scheme.article_labels]
    parts = {label.title: (label.colour, [float(shares[outlet][n][0]) for outlet in ordered]) for n, label in enumerate(labels)}
    bars_png(path, ordered, parts, "share of sentences")


def _count(source: Path, scheme: LabelScheme) -> Counts:
    """Count sentences of each label in each article."""
    import pyarrow as pa
    from pyarrow import dataset

    folder = source / "sentences" if (source / "sentences").is_dir() else source
    try:
        found = dataset.dataset(folder, format="parquet")
        key = "place" if "place" in found.schema.names else "article"  # ids of articles may repeat in an archive
        columns = ["outlet", key, "label"]
        texts = pa.schema([(name, pa.string()) for name in columns])
        parts = [
            pa.Table.from_batches([batch]).cast(texts).group_by(columns).aggregate([([], "count_all")])
            for batch in found.to_batches(columns=columns)
        ]
        rows = pa.concat_tables(parts).group_by(columns).aggregate([("count_all", "sum")]).to_pylist()
        unknown = {row["label"] for row in rows} - set(scheme.names)
    except (OSError, KeyError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())[:200]
        raise ArticleError(f"{source}: is no table of tagged sentences ({reason}); make one with tag-archive") from error
    if unknown:
        raise ArticleError(f"{source}: has labels {', '.join(map(str, unknown))} that {scheme.name} has not; name its --scheme")
    articles: dict[tuple[str, str], Ints] = {}
    for row in rows:
        if row["label"] in scheme.article_labels:
            counts = articles.setdefault((row["outlet"] or "unknown", row[key]), np.zeros(len(scheme.article_labels), int))
            counts[scheme.article_labels.index(row["label"])] += row["count_all_sum"]
    by_outlet: dict[str, list[Ints]] = {}
    for (outlet, _), counts in articles.items():
        by_outlet.setdefault(outlet, []).append(counts)
    return {outlet: np.array(rows) for outlet, rows in by_outlet.items()}


def _shares(counts: Ints) -> Floats:
    """Return share, lower and upper bound [labels, 3] from sentences [articles, labels]."""
    generator = np.random.default_rng(0)
    drawn = [counts[generator.integers(len(counts), size=len(counts))].sum(axis=0) for _ in range(SAMPLES)]
    samples = np.array([row / row.sum() for row in drawn])
    total = counts.sum(axis=0)
    return np.stack([total / total.sum(), *np.percentile(samples, [2.5, 97.5], axis=0)], axis=1)


if __name__ == "__main__":
    sys.exit(main())
