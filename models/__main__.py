"""Tag the sentences of news articles: who is speaking, the outlet or somebody else?

    python -m models article.txt page.html
    python -m models articles/ --format html -o tagged.html
    cat article.txt | python -m models - --format jsonl

Without a verb it tags.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labels.commands import DONE, add_verb, command, execute
from labels.errors import OutputError
from labels.files import write_whole
from labels.progress import progress
from models import DEFAULT_MODEL
from models.archive import run
from models.formats import FORMATS
from models.onnx import export
from models.serve import command as serve_command

TAG = """Tag the sentences of articles.

    newsvoice tag article.txt page.html
    newsvoice tag articles/ --format html -o tagged.html
    cat article.txt | newsvoice tag - --format jsonl
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    parser = command(__doc__, "python -m models")
    verbs = add_verbs(parser)
    return execute(parser, arguments=with_verb(sys.argv[1:] if arguments is None else arguments, verbs))


def add_verbs(parser: argparse.ArgumentParser, serve: Any = serve_command) -> Any:
    """Add the commands that use a model; return the subparsers, so that a caller can add further commands.

    Args:
        serve: module that adds `serve`: this package's, which never trains, or train.retrain, which may.
    """
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    _add_tag(verbs)
    for module in (serve, run, export):
        module.add_to(verbs)
    return verbs


def with_verb(arguments: Sequence[str], verbs: Any) -> list[str]:
    """Put `tag` before arguments that begin with no verb."""
    first = next((word for word in arguments if word != "--debug"), "--help")
    if first in {*verbs.choices, "-h", "--help", "--version"}:
        return list(arguments)
    return ["tag", *arguments]


def _add_tag(verbs: Any) -> None:
    parser = add_verb(verbs, "tag", _tag, TAG)
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="text, HTML or JSONL file, folder, glob, URL, or - for standard input"
    )
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL, metavar="DIR", help="default: %(default)s")
    parser.add_argument("--format", choices=FORMATS, help="default: by the ending of -o, or else terminal")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write to FILE instead of standard output")
    parser.add_argument(
        "--sentences",
        action="store_true",
        help='input is JSONL of split articles: {"id", "title"?, "sentences": [str, ...]}',
    )


def _tag(arguments: argparse.Namespace) -> int:
    from labels.articles import read_articles, read_split, sentences_of

    name = arguments.format or _format_of(arguments.output)
    if name == "parquet" and arguments.output is None and sys.stdout.isatty():
        raise OutputError("parquet is not for a terminal; name a file with -o")
    if arguments.output and not arguments.output.parent.is_dir():
        raise OutputError(f"{arguments.output}: the folder {arguments.output.parent} is not there; make it first")
    if arguments.sentences:
        articles = read_split(arguments.paths)
    else:
        articles = [(article, sentences_of(article)) for article in read_articles(arguments.paths)]

    from models.tagger import Tagger

    with progress("tagging", "sentences") as report:
        tagged = Tagger.load(arguments.model).tag_split(articles, report)
    content = FORMATS[name](tagged)
    if arguments.output:
        write_whole(arguments.output, content)
        print(f"{len(articles)} article(s) tagged: {arguments.output}", file=sys.stderr)
    else:
        sys.stdout.buffer.write(content.encode() if isinstance(content, str) else content)
        sys.stdout.buffer.flush()
    return DONE


def _format_of(output: Path | None) -> str:
    ending = output.suffix.lstrip(".").lower() if output else ""
    if ending == "htm":
        return "html"
    return ending if ending in FORMATS else "terminal"


if __name__ == "__main__":
    sys.exit(main())
