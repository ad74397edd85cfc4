"""Tag the sentences of news articles: who is speaking, the outlet or somebody else?

python -m models article.txt page.html
python -m models articles/ --format html -o tagged.html
cat article.txt | python -m models - --format jsonl
python -m models tag-archive --help
python -m models export --help
python -m models serve --help
"""

import argparse
import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

from labels.errors import DONE, OutputError, exit_code, write_whole
from models import DEFAULT_MODEL

FORMAT_NAMES = ("terminal", "json", "jsonl", "csv", "parquet", "html")
COMMANDS = {"export": "models.export", "serve": "models.serve", "tag-archive": "models.archive"}


def main() -> int:
    if len(sys.argv) > 1 and sys.argv[1] in COMMANDS:
        command = importlib.import_module(COMMANDS[sys.argv[1]])
        return int(command.main(sys.argv[2:]))
    parser = argparse.ArgumentParser(
        prog="python -m models", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="text, HTML or JSONL file, folder, glob, URL, or - for standard input"
    )
    parser.add_argument("--model", default=DEFAULT_MODEL, metavar="DIR", help="a trained model (default: %(default)s)")
    parser.add_argument("--format", choices=FORMAT_NAMES, help="default: terminal, or what the ending of -o says")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write there instead of to standard output")
    parser.add_argument(
        "--sentences", action="store_true", help='input is JSONL, split already: {"id", "title"?, "sentences": [str, ...]}'
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    arguments = parser.parse_args()
    return exit_code(lambda: _run(arguments), debug=arguments.debug)


def _run(arguments: argparse.Namespace) -> int:
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # its advice is for programmers
    from labels.articles import read_articles, read_split

    name = arguments.format or _format_of(arguments.output)
    if name == "parquet" and arguments.output is None and sys.stdout.isatty():
        raise OutputError("parquet is not for a terminal; name a file with -o")
    if arguments.output and not arguments.output.parent.is_dir():
        raise OutputError(f"{arguments.output}: the folder {arguments.output.parent} is not there; make it first")
    if arguments.sentences:
        articles = read_split(arguments.paths)
    else:
        from models.tagger import sentences_of

        articles = [(article, sentences_of(article)) for article in read_articles(arguments.paths)]

    from models.formats import FORMATS
    from models.tagger import Tagger

    content = FORMATS[name](Tagger.load(arguments.model).tag_split(articles, _progress()))
    if arguments.output:
        write_whole(arguments.output, content)
        print(f"{len(articles)} article(s) tagged: {arguments.output}", file=sys.stderr)
    else:
        sys.stdout.buffer.write(content.encode() if isinstance(content, str) else content)
        sys.stdout.buffer.flush()
    return DONE


def _format_of(output: Path | None) -> str:
    ending = output.suffix.lstrip(".").lower() if output else ""
    return ending if ending in FORMAT_NAMES else "html" if ending == "htm" else "terminal"


def _progress() -> Callable[[int, int], None] | None:
    if not sys.stderr.isatty():
        return None
    return lambda done, total: print(f"\r{done}/{total} sentences", end="\n" if done == total else "", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
