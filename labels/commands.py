"""What all commands share: `--debug` and `--version`, one line per fault on stderr, exit codes.

    parser = command(__doc__, "python -m scripts.agreement")
    parser.add_argument(...)
    return execute(parser, _run)

Exit codes: 0 done, 1 a check failed, 2 the input was wrong, 130 interrupted.
"""

import argparse
import os
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from labels.errors import UserError

DONE, CHECK_FAILED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130
EXTRAS = ("serve", "studio", "archive", "ray", "train")  # of pyproject.toml: the first that holds a missing module is named
Run = Callable[[argparse.Namespace], int]


class _Version(argparse.Action):
    """Print the version, looked up only then: that takes time."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version

        print(f"newsvoice {version('newsvoice')}")
        parser.exit()


def command(description: str | None, prog: str | None = None) -> argparse.ArgumentParser:
    """Return the parser of a command; `description` is its module's docstring."""
    parser = argparse.ArgumentParser(prog=prog, description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    _add_common(parser)
    return parser


def add_verb(verbs: Any, name: str, run: Run | None, description: str | None, **options: Any) -> argparse.ArgumentParser:
    """Add a sub-command to what `add_subparsers` returned; `run` does its work, or, if it is None, verbs of its own do."""
    summary = (description or "").partition("\n")[0]
    parser: argparse.ArgumentParser = verbs.add_parser(
        name, help=summary, description=description, formatter_class=argparse.RawDescriptionHelpFormatter, **options
    )
    parser.set_defaults(run=run)
    _add_common(parser, argparse.SUPPRESS)  # a default here would overwrite a --debug before the verb
    return parser


def execute(parser: argparse.ArgumentParser, run: Run | None = None, arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and call `run`, or the function of the verb on the command line; return the exit code.

    Overrides, `key=value`, may stand behind options, too.
    """
    options, extra_words = parser.parse_known_args(arguments)
    if extra_words and hasattr(options, "overrides") and not any(word.startswith("-") for word in extra_words):
        options.overrides = [*options.overrides, *extra_words]
    elif extra_words:
        parser.error(f"unrecognized arguments: {' '.join(extra_words)}")
    work = run or options.run
    return exit_code(lambda: work(options), debug=options.debug)


def exit_code(work: Callable[[], int], *, debug: bool = False) -> int:
    """Do the work of a command; turn an error into a message on stderr and an exit code."""
    try:
        return work()
    except UserError as error:
        if debug:
            traceback.print_exc()
        for line in str(error).splitlines():
            print(f"error: {line}" if not line.startswith(" ") else line, file=sys.stderr)
        return WRONG_INPUT
    except ModuleNotFoundError as error:
        extra = _extra_with(error.name or "")
        if not extra or debug:
            raise
        print(f"error: {error.name} is not installed; this needs: pip install 'newsvoice[{extra}]'", file=sys.stderr)
        return WRONG_INPUT
    except BrokenPipeError:  # `| head` closed the pipe: it has read all that it wanted
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


def _extra_with(module: str) -> str:
    """Return the optional group of dependencies that holds a module, or nothing."""
    from importlib.metadata import requires

    distribution = {"sklearn": "scikit-learn"}.get(module.partition(".")[0], module.partition(".")[0])
    wanted = re.sub(r"[-_.]+", "-", distribution).lower()
    for extra in EXTRAS:
        for requirement in requires("newsvoice") or ():
            if re.match(rf"{wanted}\b(?!-).*extra == [\"']{extra}[\"']", requirement.lower()):
                return extra
    return ""


def _add_common(parser: argparse.ArgumentParser, debug: Any = False) -> None:
    parser.add_argument("--debug", action="store_true", default=debug, help="show the traceback of an error")
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and stop")
