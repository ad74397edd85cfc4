"""Join the stand-off labels of real articles to texts that you have, into a corpus folder that configs/real.yaml trains on.

    python -m scripts.attach_corpus --corpus basil --from basil.jsonl

The texts are JSONL, one sentence a line: {"doc", "index", "text"}; index -1 is the headline. labels/corpus/README.md says where
each corpus comes from. Every sentence is compared with the hash of the sentence that was labelled. Sentences that differ are
reported and left out (exit code 1); the others are written to labels/corpus/attached/NAME.
"""

import argparse
import sys
from pathlib import Path

from labels.annotations import write_corpus
from labels.annotations.standoff import ATTACHED, STANDOFF, attach, read_labels, read_texts
from labels.commands import CHECK_FAILED, DONE, command, execute
from labels.errors import AnnotationError
from labels.files import located, writing
from labels.scheme import load_scheme


def main() -> int:
    """Run the command line; return its exit code."""
    parser = command(__doc__)
    names = sorted(path.stem for path in located(STANDOFF).glob("*.jsonl"))
    parser.add_argument("--corpus", required=True, choices=names, help="name of the stand-off labels")
    parser.add_argument("--from", dest="texts", required=True, type=Path, metavar="PATH", help="file of the texts")
    parser.add_argument(
        "--to", type=Path, default=ATTACHED, metavar="FOLDER", help="where corpus folders are written (default: %(default)s)"
    )
    return execute(parser, _run)


def _run(arguments: argparse.Namespace) -> int:
    corpus, texts, folder = arguments.corpus, arguments.texts, arguments.to / arguments.corpus
    labelled = read_labels(located(STANDOFF) / f"{corpus}.jsonl", load_scheme())
    articles, faults = attach(corpus, labelled, read_texts(texts))
    for fault in faults:
        print(fault, file=sys.stderr)
    if not articles:
        raise AnnotationError(f"{texts}: no labelled sentence of {corpus} stands in it; check --corpus and --from")
    with writing(folder):
        write_corpus(folder, articles)
    attached, total = sum(len(a.sentences) for a in articles), sum(len(a.rows) for a in labelled)
    print(f"{folder}: {attached} of {total} labelled sentences in {len(articles)} of {len(labelled)} articles")
    return DONE if attached == total else CHECK_FAILED


if __name__ == "__main__":
    sys.exit(main())
