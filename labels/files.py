"""Write files and folders whole or not at all, lock folders, and find files that ship with the project.

`write_whole(path, content)`    write a file
`new_file(path)`                write a file in pieces
`new_folder(path)`              write a folder
`locked(folder, ...)`           keep other processes out of a folder
`located(path)`                 find the user's file, or else the one that ships under that name
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
    """Return a path that exists in the current folder, or else the path that ships under that name with the project.

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
    """Turn an error of the operating system in the block into an OutputError about `path`."""
    try:
        yield
    except BrokenPipeError:  # the reader of a pipe has stopped: no fault of the place
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(
            f"{error.filename or path}: cannot be written: {reason}; choose another place or free some space"
        ) from error


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        OutputError: the folder is read-only or missing, or the disk is full; `path` is then as it was before.
    """
    with new_file(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Yield a file to write; it replaces `path` when the block is done, and is deleted if the block fails.

    Raises:
        OutputError: as for `write_whole`.
    """
    with writing(path):
        if path.exists() and not path.is_file():  # a device such as /dev/stdout is written to, never replaced
            with path.open("wb") as device:
                yield device
            return
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o666 & ~_umask())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder to fill; it replaces `path` when the block is done, and is deleted if the block fails.

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
    """Rename a finished folder to `path`. A folder of that name is deleted afterwards, and put back if the renaming fails."""
    old = path.with_name(f".{path.name}.old")
    if old.exists():
        shutil.rmtree(old)
    if path.exists():
        path.rename(old)
    try:
        fresh.rename(path)
    except BaseException:
        if old.exists():
            old.rename(path)
        raise
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def locked(folder: Path, fault: str = "") -> Iterator[None]:
    """Keep other processes that lock the folder out of it during the block; make the folder if it is missing.

    Args:
        fault: the message if another process has locked it; without a message, wait until that process is done.

    Raises:
        OutputError: another process has locked it, or files cannot be locked there.
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
