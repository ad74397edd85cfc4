"""Compare outlets by the shares of the labels in their sentences, with 95% intervals.

    python -m scripts.outlets tagged/
    python -m scripts.outlets tagged.parquet --picture outlets.png

Takes the output of `newsvoice tag-archive`, or any Parquet table with its columns. Intervals are by bootstrap over an outlet's
articles, because sentences of one article are alike. Lines that are no article text are not counted.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from labels.commands import DONE, command, execute
from labels.errors import ArticleError, one_line
from labels.scheme import DEFAULT_SCHEME, LabelScheme, load_scheme
from models.arrays import Floats, Ints

SAMPLES = 1000


def main() -> int:
    """Run the command line; return its exit code."""
    parser = command(__doc__)
    parser.add_argument("tagged", type=Path, metavar="TAGGED", help="folder of tag-archive, or a Parquet file")
    parser.add_argument("--picture", type=Path, metavar="PNG", help="draw the shares too")
    parser.add_argument("--at-least", type=int, default=5, metavar="N", help="articles of an outlet (default: %(default)s)")
    parser.add_argument("--scheme", type=Path, default=DEFAULT_SCHEME, help="the labels (default: labels/scheme.yaml)")
    return execute(parser, _run)


def _run(arguments: argparse.Namespace) -> int:
    scheme = load_scheme(arguments.scheme)
    counts = _counts_by_outlet(arguments.tagged, scheme)
    counts = {outlet: of_outlet for outlet, of_outlet in counts.items() if len(of_outlet) >= arguments.at_least}
    if not counts:
        raise ArticleError(f"{arguments.tagged}: no outlet has {arguments.at_least} articles; ask for fewer with --at-least")
    shares = {outlet: _shares(of_outlet) for outlet, of_outlet in counts.items()}
    print(table(counts, shares, scheme))
    if arguments.picture:
        draw(shares, scheme, arguments.picture)
    return DONE


def table(counts: Mapping[str, Ints], shares: Mapping[str, Floats], scheme: LabelScheme) -> str:
    """Return a Markdown table with a row for each outlet, the one with most sentences first.

    Args:
        counts: for each outlet, sentences [articles, labels].
        shares: for each outlet, share, lower and upper bound [labels, 3].
    """
    titles = [scheme.label(name).title for name in scheme.article_labels]
    lines = [f"| outlet | articles | sentences | {' | '.join(titles)} |", "|---|---|---|" + "---|" * len(titles)]
    for outlet, of_outlet in sorted(counts.items(), key=lambda item: -item[1].sum()):
        cells = [f"{share:.0%} ({low:.0%}–{high:.0%})" for share, low, high in shares[outlet]]
        lines.append(f"| {outlet} | {len(of_outlet)} | {of_outlet.sum()} | {' | '.join(cells)} |")
    return "\n".join(lines)


def draw(shares: Mapping[str, Floats], scheme: LabelScheme, path: Path) -> None:
    """Draw the shares as a stacked bar for each outlet, the one with the largest share of the first label on top."""
    from train.figures import bars_png

    ordered = sorted(shares, key=lambda outlet: float(shares[outlet][0][0]))
    labels = [scheme.label(name) for name in scheme.article_labels]
    parts = {
        label.title: (label.colour, [float(shares[outlet][number][0]) for outlet in ordered])
        for number, label in enumerate(labels)
    }
    bars_png(path, ordered, parts, "share of sentences")


def _counts_by_outlet(source: Path, scheme: LabelScheme) -> dict[str, Ints]:
    """Return for each outlet the number of sentences of each label of article text, [articles, labels]."""
    rows = _count_labels(source)
    unknown = {label for _, _, label, _ in rows} - set(scheme.names)
    if unknown:
        raise ArticleError(f"{source}: has labels {', '.join(map(str, unknown))} that {scheme.name} has not; name its --scheme")
    by_article: dict[tuple[str, str], Ints] = defaultdict(lambda: np.zeros(len(scheme.article_labels), int))
    for outlet, article, label, number in rows:
        if label in scheme.article_labels:
            by_article[outlet or "unknown", article][scheme.article_labels.index(label)] += number
    by_outlet: dict[str, list[Ints]] = defaultdict(list)
    for (outlet, _), counts in by_article.items():
        by_outlet[outlet].append(counts)
    return {outlet: np.array(counts) for outlet, counts in by_outlet.items()}


def _count_labels(source: Path) -> list[tuple[str | None, str, str, int]]:
    """Return (outlet, article, label, number of sentences) for all that occur in a Parquet table.

    Raises:
        ArticleError: it cannot be read, or lacks a column.
    """
    import pyarrow as pa
    from pyarrow import dataset

    folder = source / "sentences" if (source / "sentences").is_dir() else source
    try:
        table = dataset.dataset(folder, format="parquet")
        article = "place" if "place" in table.schema.names else "article"  # ids of articles may repeat in an archive
        columns = ["outlet", article, "label"]
        texts = pa.schema([(name, pa.string()) for name in columns])
        batch_counts = [
            pa.Table.from_batches([batch]).cast(texts).group_by(columns).aggregate([([], "count_all")])
            for batch in table.to_batches(columns=columns)
        ]
        counts = pa.concat_tables(batch_counts).group_by(columns).aggregate([("count_all", "sum")])
    except (OSError, KeyError, pa.ArrowException) as error:
        reason = one_line(error, 200)
        raise ArticleError(f"{source}: is no table of tagged sentences ({reason}); make one with tag-archive") from error
    return [(row["outlet"], row[article], row["label"], row["count_all_sum"]) for row in counts.to_pylist()]


def _shares(counts: Ints) -> Floats:
    """Return share, lower and upper bound [labels, 3] from sentences [articles, labels]."""
    generator = np.random.default_rng(0)
    drawn = [counts[generator.integers(len(counts), size=len(counts))].sum(axis=0) for _ in range(SAMPLES)]
    samples = np.array([row / row.sum() for row in drawn])
    total = counts.sum(axis=0)
    return np.stack([total / total.sum(), *np.percentile(samples, [2.5, 97.5], axis=0)], axis=1)


if __name__ == "__main__":
    sys.exit(main())
