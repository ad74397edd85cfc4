"""Files and folders that are whole or not there, locks, and where to find what ships with the project.

`write_whole(path, content)`    a file
`new_file(path)`                a file that is written in pieces
`new_folder(path)`              a folder
`locked(folder, ...)`           nobody else works in the folder meanwhile
`located(path)`                 the user's file, or else the one that ships under that name
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from labels.errors import OutputError

INSTALLED = Path(__file__).resolve().parent.parent  # a checkout, or site-packages
SHIPPED = {"labels": "labels", "models": "models", "configs": "train/configs"}  # folder of a checkout: folder of a wheel


def located(path: str | Path) -> Path:
    """Return a path as seen from the current folder; if nothing is there, what ships under that name with the project.

    >>> located("labels/scheme.yaml").is_file()  # from any folder
    True
    """
    path = Path(path)
    if path.is_absolute() or path.exists() or not path.parts or path.parts[0] not in SHIPPED:
        return path
    candidates = (INSTALLED / path, INSTALLED / SHIPPED[path.parts[0]] / Path(*path.parts[1:]))
    return next((candidate for candidate in candidates if candidate.exists()), path)


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
    """Write a file so that it is there whole or not at all.

    Raises:
        OutputError: the folder is read-only or missing, or the disk is full; `path` is then as it was before.
    """
    with new_file(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write; it takes the place of `path` once the block is done, and is dropped if the block fails.

    Raises:
        OutputError: as for `write_whole`.
    """
    with writing(path):
        if path.exists() and not path.is_file():  # a device such as /dev/stdout is written to, never replaced
            with path.open("wb") as device:
                yield device
            return
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o666 & ~_umask())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder to fill; it takes the place of `path` once the block is done, and is dropped if the block fails.

    Raises:
        OutputError: it cannot be written; `path` is then as it was before.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as scratch:
            fresh = Path(scratch) / "new"
            fresh.mkdir()
            yield fresh
            replace_folder(fresh, path)


def replace_folder(fresh: Path, path: Path) -> None:
    """Rename a finished folder to `path`; what had that name goes last, and comes back if the renaming fails."""
    before = path.with_name(f".{path.name}.old")
    if before.exists():
        shutil.rmtree(before)
    if path.exists():
        path.rename(before)
    try:
        fresh.rename(path)
    except BaseException:
        if before.exists():
            before.rename(path)
        raise
    shutil.rmtree(before, ignore_errors=True)


@contextmanager
def locked(folder: Path, fault: str = "") -> Iterator[None]:
    """Keep other processes out of a folder, which is made if it is missing.

    Args:
        fault: what to say if somebody else is in it; without it, wait until they are done.

    Raises:
        OutputError: somebody else is in it, or files cannot be locked there.
    """
    from filelock import FileLock, Timeout

    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock", timeout=0 if fault else -1)
    try:
        lock.acquire()
    except Timeout as error:
        raise OutputError(f"{folder}: {fault}") from error
    except (NotImplementedError, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise OutputError(f"{folder}: files cannot be locked there: {reason}; name a folder elsewhere") from error
    try:
        yield
    finally:
        lock.release()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
