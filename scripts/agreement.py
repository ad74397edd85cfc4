"""Print how far the annotators of a corpus agree: kappa, alpha, F1 of each label, and how often which labels are confused.

python -m scripts.agreement                      the shipped corpora
python -m scripts.agreement path/to/corpus ...   corpus folders, or files of stand-off labels
"""

import argparse
import sys
from pathlib import Path

from labels.annotations import Annotation, read_corpus
from labels.annotations.agreement import agreement, report
from labels.annotations.standoff import STANDOFF, read_labels
from labels.commands import DONE, command, execute
from labels.errors import AnnotationError
from labels.files import located
from labels.scheme import LabelScheme, load_scheme

SHIPPED = (Path("labels/corpus/fiction"), STANDOFF)


def main() -> int:
    """Run the command line; return its exit code."""
    parser = command(__doc__)
    parser.add_argument("corpora", nargs="*", type=Path, default=SHIPPED, metavar="CORPUS", help="default: the shipped corpora")
    return execute(parser, _run)


def _run(arguments: argparse.Namespace) -> int:
    scheme = load_scheme()
    for path in map(located, arguments.corpora):
        pairs = agreement(votes_of(path, scheme))
        if not pairs:
            raise AnnotationError(f"{path}: no sentence has two annotators' votes; agreement needs two")
        for pair in pairs:
            print(f"{path}\n{report(pair, scheme)}\n")
    return DONE


def votes_of(path: Path, scheme: LabelScheme) -> list[tuple[Annotation, ...]]:
    """Return the votes on each sentence of a corpus: a corpus folder, a file of stand-off labels, or a folder of such files."""
    files = [path] if path.suffix == ".jsonl" else sorted(path.glob("*.jsonl"))
    if (path / "articles.jsonl").exists() or not files:
        return [labeled.votes for article in read_corpus(path, scheme) for labeled in article.sentences]
    return [row.votes for file in files for article in read_labels(file, scheme) for row in article.rows]


if __name__ == "__main__":
    sys.exit(main())
