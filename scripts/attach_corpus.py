"""Join our labels of real articles to texts you have: a corpus folder that configs/real.yaml trains on.

    python -m scripts.attach_corpus --corpus basil --from basil.jsonl

The texts are JSONL, a sentence a line: {"doc", "index", "text"}; index -1 is the headline. labels/corpus/README.md says where
each corpus comes from. Every sentence is checked against the hash its label was given for; what does not match is reported
and left out (exit code 1), the rest is written to labels/corpus/attached/NAME.
"""

import argparse
import sys
from pathlib import Path

from labels.annotations.corpus import write_corpus
from labels.annotations.standoff import ATTACHED, STANDOFF, attach, read_labels, read_texts
from labels.commands import CHECK_FAILED, DONE, command, execute
from labels.errors import AnnotationError
from labels.files import located, writing
from labels.scheme import load_scheme


def main() -> int:
    parser = command(__doc__)
    names = sorted(path.stem for path in located(STANDOFF).glob("*.jsonl"))
    parser.add_argument("--corpus", required=True, choices=names)
    parser.add_argument("--from", dest="texts", required=True, type=Path, metavar="PATH")
    parser.add_argument(
        "--to", type=Path, default=ATTACHED, metavar="FOLDER", help=f"where corpora are put (default: {ATTACHED})"
    )
    return execute(parser, _run)


def _run(arguments: argparse.Namespace) -> int:
    corpus, texts, to = arguments.corpus, arguments.texts, arguments.to
    labelled = read_labels(located(STANDOFF) / f"{corpus}.jsonl", load_scheme())
    articles, faults = attach(corpus, labelled, read_texts(texts))
    for fault in faults:
        print(fault, file=sys.stderr)
    if not articles:
        raise AnnotationError(f"{texts}: no labelled sentence of {corpus} stands in it; check --corpus and --from")
    with writing(to / corpus):
        write_corpus(to / corpus, articles)
    attached, wanted = sum(len(a.sentences) for a in articles), sum(len(a.rows) for a in labelled)
    print(f"{to / corpus}: {attached} of {wanted} labelled sentences in {len(articles)} of {len(labelled)} articles")
    return DONE if attached == wanted else CHECK_FAILED


if __name__ == "__main__":
    sys.exit(main())
