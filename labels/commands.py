"""What all commands share: `--debug` and `--version`, one line a fault on stderr, exit codes.

    parser = command(__doc__, "python -m scripts.agreement")
    parser.add_argument(...)
    return execute(parser, _run)

Exit codes: 0 done, 1 a check failed, 2 the input was wrong, 130 interrupted.
"""

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from labels.errors import UserError

DONE, CHECK_FAILED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130
Run = Callable[[argparse.Namespace], int]


class _Version(argparse.Action):
    """Print the version; it is looked up only when somebody asks."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version

        print(f"newsvoice {version('newsvoice')}")
        parser.exit()


def command(description: str | None, prog: str | None = None) -> argparse.ArgumentParser:
    """Return the parser of a command, described by its module's docstring."""
    parser = argparse.ArgumentParser(prog=prog, description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    _add_common(parser)
    return parser


def add_verb(verbs: Any, name: str, run: Run, description: str | None, **options: Any) -> argparse.ArgumentParser:
    """Add a sub-command to what `add_subparsers` returned; `run` does its work."""
    first = (description or "").partition("\n")[0]
    parser: argparse.ArgumentParser = verbs.add_parser(
        name, help=first, description=description, formatter_class=argparse.RawDescriptionHelpFormatter, **options
    )
    parser.set_defaults(run=run)
    _add_common(parser, argparse.SUPPRESS)  # or it would hide what stands before the verb
    return parser


def execute(parser: argparse.ArgumentParser, run: Run | None = None, arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and do the work: `run`, or that of the verb that was named.

    Changes of the form key=value may stand behind options.
    """
    known, extra = parser.parse_known_args(arguments)
    if extra and hasattr(known, "overrides") and not any(word.startswith("-") for word in extra):
        known.overrides = [*known.overrides, *extra]
    elif extra:
        parser.error(f"unrecognized arguments: {' '.join(extra)}")
    return exit_code(lambda: (run or known.run)(known), debug=known.debug)


def exit_code(work: Callable[[], int], *, debug: bool = False) -> int:
    """Do the work of a command and turn what it raises into a message on stderr and an exit code."""
    try:
        return work()
    except UserError as error:
        if debug:
            traceback.print_exc()
        for line in str(error).splitlines():
            print(f"error: {line}" if not line.startswith(" ") else line, file=sys.stderr)
        return WRONG_INPUT
    except BrokenPipeError:  # `| head` closed the pipe: what was wanted has been delivered
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


def _add_common(parser: argparse.ArgumentParser, debug: Any = False) -> None:
    parser.add_argument("--debug", action="store_true", default=debug, help="show the traceback of an error")
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and stop")
