"""What may go wrong through no fault of the code, and how a command says so.

UserError                  the input was wrong: exit code 2, one line a fault, no traceback
├── ArticleError           an article cannot be read
├── AnnotationError        the scheme or the corpus is wrong
├── ConfigError            the training config is wrong
├── BackboneError          the pretrained encoder is not there or not the one named
├── ArtefactError          the trained model cannot be loaded
├── OutputError            the result cannot be written
└── StudioError            Label Studio does not do what was asked
    └── StudioTimeoutError    it does not answer in time
"""

import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

DONE, CHECK_FAILED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130


class UserError(Exception):
    """An error the user can mend; the message names place, fault and remedy."""


class ArticleError(UserError):
    """An article cannot be read."""


class AnnotationError(UserError):
    """The label scheme or the corpus is wrong."""


class ConfigError(UserError):
    """The training config is wrong."""


class BackboneError(UserError):
    """The pretrained encoder is not there, or not the one that was named."""


class ArtefactError(UserError):
    """The trained model cannot be loaded."""


class OutputError(UserError):
    """The result cannot be written."""


class StudioError(UserError):
    """Label Studio does not do what was asked."""


class StudioTimeoutError(StudioError):
    """Label Studio does not answer in time."""


def exit_code(command: Callable[[], int], *, debug: bool = False) -> int:
    """Run a command and turn what it raises into a message on stderr and an exit code."""
    try:
        return command()
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


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the operating system's refusal to write `path` into an OutputError."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(
            f"{error.filename or path}: cannot be written: {reason}; choose another place or free some space"
        ) from error


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file so that it is there whole or not at all: temporary file beside it, then rename.

    Raises:
        OutputError: the folder is read-only or missing, or the disk is full; `path` is then as it was before.
    """
    data = content.encode() if isinstance(content, str) else content
    with writing(path):
        if path.exists() and not path.is_file():  # a device such as /dev/stdout is written to, never replaced
            path.write_bytes(data)
            return
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            mask = os.umask(0)
            os.umask(mask)
            Path(name).chmod(0o666 & ~mask)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
