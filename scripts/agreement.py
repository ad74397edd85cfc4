"""Print how far the annotators of a corpus agree: kappa, alpha, per label, and who says what where they differ.

python -m scripts.agreement                      the shipped corpora
python -m scripts.agreement path/to/corpus ...   a corpus folder, or a file of stand-off labels
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from labels.agreement import Agreement, agreement
from labels.annotations import Annotation, read_corpus
from labels.errors import DONE, AnnotationError, exit_code
from labels.scheme import LabelScheme, load_scheme
from labels.standoff import STANDOFF, read_labels

SHIPPED = (Path("labels/corpus/fiction"), STANDOFF)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpora", nargs="*", type=Path, default=SHIPPED, metavar="CORPUS")
    arguments = parser.parse_args()
    return exit_code(lambda: _run(arguments.corpora))


def _run(corpora: Sequence[Path]) -> int:
    scheme = load_scheme()
    for path in corpora:
        pairs = agreement(votes_of(path, scheme))
        if not pairs:
            raise AnnotationError(f"{path}: no sentence has two annotators' votes; agreement needs two")
        for pair in pairs:
            print(f"{path}\n{report(pair, scheme)}\n")
    return DONE


def votes_of(path: Path, scheme: LabelScheme) -> list[tuple[Annotation, ...]]:
    """Return the votes on each sentence of a corpus folder, of a file of stand-off labels, or of a folder of such files."""
    files = [path] if path.suffix == ".jsonl" else sorted(path.glob("*.jsonl"))
    if (path / "articles.jsonl").exists() or not files:
        return [labeled.votes for article in read_corpus(path, scheme) for labeled in article.sentences]
    return [row.votes for file in files for article in read_labels(file, scheme) for row in article.rows]


def report(pair: Agreement, scheme: LabelScheme) -> str:
    """Return one pair's figures and confusion as a text table."""
    width = max(map(len, scheme.names)) + 2
    lines = [
        f"{pair.first} and {pair.second}: {pair.n} sentences, same label {pair.observed:.1%}, "
        f"Cohen's kappa {pair.kappa:.3f}, Krippendorff's alpha {pair.alpha:.3f}",
        f"{pair.first + ' ↓':<{width}}" + "".join(f"{name:>{width}}" for name in scheme.names) + f"{'F1':>7}",
    ]
    for name in scheme.names:
        counts = "".join(f"{pair.confusion[name, other]:>{width}}" for other in scheme.names)
        lines.append(f"{name:<{width}}{counts}{pair.per_label.get(name, 0):>7.2f}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
