"""Read an archive of articles shard by shard, in bounded memory: `plan(source)` → shards, `read_shard(shard)` → entries.

An archive is a JSONL or Parquet file of articles, or a folder of such files and of pages and texts. A fault of a file or a row
is an entry, too: it raises ArticleError when it is read.
"""

import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from labels.articles.article import MAX_BYTES, METADATA, Article, article_of
from labels.articles.decoding import decode, json_rows
from labels.articles.readers import READERS
from labels.articles.sources import read_articles
from labels.errors import ArticleError

SHARD_BYTES, SHARD_DOCUMENTS = 64_000_000, 10_000
MAX_LINE = 4 * MAX_BYTES  # bytes; JSON writes a character in up to six
COLUMNS = ("id", "text", *METADATA)


@dataclass(frozen=True, slots=True)
class Shard:
    """A part of the input that is read by itself: documents, bytes of a JSONL file, a row group of a Parquet file.

    Attributes:
        kind: documents, jsonl or parquet.
        first: number of its first line or row.
        start, stop: offsets in bytes, for JSONL.
        group: number of the row group, for Parquet.
        is_broken: the file could not be read by `plan`; the shard is one entry that says why.
        base: folder that relative paths start from, if it is not the current one.
    """

    number: int
    kind: str
    paths: tuple[Path, ...]
    first: int = 0
    start: int = 0
    stop: int = 0
    group: int = 0
    is_broken: bool = False
    base: Path = Path()


@dataclass(frozen=True, slots=True)
class Entry:
    """One article of the input, not read yet.

    Attributes:
        place: file, and line or row.
        size: bytes.
        read: function that reads it; raises ArticleError.
    """

    place: str
    size: int
    read: Callable[[], Article]


def plan(source: Path) -> Iterator[Shard]:
    """Cut the input into shards; the same input always gives the same shards."""
    number, documents = 0, []
    for path in _files(source):
        planner = PLANNERS.get(path.suffix.lower())
        if planner:
            for shard in planner(path):
                yield replace(shard, number=number)
                number += 1
            continue
        documents.append(path)
        if len(documents) == SHARD_DOCUMENTS:
            yield Shard(number, "documents", tuple(documents))
            number, documents = number + 1, []
    if documents:
        yield Shard(number, "documents", tuple(documents))


def read_shard(shard: Shard) -> Iterator[Entry]:
    """Yield the articles of a shard in order, none of them read yet.

    Raises:
        ArticleError: a file that `plan` could read cannot be read now; not an article but a disk or a network is at fault.
    """
    return ENTRIES[shard.kind](shard)


def describe(source: Path) -> tuple[int, str]:
    """Return the size of an archive in bytes, and a digest that changes when one of its files does.

    Raises:
        ArticleError: there is no archive at `source`.
    """
    if not source.exists():
        raise ArticleError(f"{source}: no such file or folder; check the name")
    if source.is_file() and source.suffix.lower() not in SUFFIXES:
        raise ArticleError(f"{source}: is none of {', '.join(SUFFIXES)}; convert it to one of them")
    size, digest = 0, hashlib.sha256()
    for path in _files(source):
        status = path.lstat()
        size += status.st_size
        digest.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    if not size:
        raise ArticleError(f"{source}: no article in this folder; articles end in {', '.join(SUFFIXES)}")
    return size, digest.hexdigest()[:16]


def _files(source: Path) -> Iterator[Path]:
    """Yield the files of the input in order."""
    if source.is_file():
        yield source
        return
    for folder, subfolders, names in os.walk(source, onerror=_refuse):
        subfolders.sort()  # os.walk visits them in this order
        for name in sorted(names):
            if Path(name).suffix.lower() in SUFFIXES and not name.startswith("."):
                yield Path(folder) / name


def _refuse(error: OSError) -> NoReturn:
    raise ArticleError(f"{error.filename}: cannot be read: {error.strerror}") from error


def _unavailable(path: Path, error: OSError) -> ArticleError:
    return ArticleError(
        f"{path}: could be read before, but not now: {error.strerror}; run the same command again to go on from here"
    )


def _fail(fault: str) -> NoReturn:
    """Stand in for the reader of an entry that cannot be read."""
    raise ArticleError(fault)


def _jsonl_shards(path: Path) -> Iterator[Shard]:
    try:
        with path.open("rb") as file:
            start, first = 0, 1
            while block := file.read(SHARD_BYTES):
                lines, stop = block.count(b"\n"), start + len(block)
                while rest := file.readline(MAX_LINE):  # to the end of the line, however long it is
                    lines, stop = lines + rest.count(b"\n"), stop + len(rest)
                    if rest.endswith(b"\n"):
                        break
                yield Shard(0, "jsonl", (path,), first, start, stop)
                start, first = stop, first + lines
    except OSError:
        yield Shard(0, "jsonl", (path,), is_broken=True)


def _jsonl_entries(shard: Shard) -> Iterator[Entry]:
    [path] = shard.paths
    try:
        with (shard.base / path).open("rb") as file:
            file.seek(shard.start)
            number = shard.first
            while file.tell() < shard.stop:
                line, size = _read_line(file, shard.stop)
                if line.strip():
                    yield _line_entry(line, size, f"{path}:{number}")
                number += 1
    except OSError as error:
        if not shard.is_broken:
            raise _unavailable(path, error) from error
        yield Entry(str(path), 0, partial(_fail, f"{path}: cannot be read: {error.strerror}"))


def _read_line(file: BinaryIO, stop: int) -> tuple[bytes, int]:
    """Return the next line and its size in bytes; of a line that is too long only the first MAX_LINE bytes."""
    line = piece = file.readline(MAX_LINE)
    if not line:
        raise OSError(errno.EIO, "the file has become shorter")
    size = len(line)
    while line.strip() and piece and not piece.endswith(b"\n") and file.tell() < stop:
        piece = file.readline(MAX_LINE)
        size += len(piece)
    return line, size


def _line_entry(line: bytes, size: int, place: str) -> Entry:
    if size == len(line):
        return Entry(place, size, partial(_article_of_line, line, place))
    fault = f"{place}: the line has more than {MAX_LINE // 1_000_000} MB; write one article on each line"
    return Entry(place, size, partial(_fail, fault))


def _article_of_line(line: bytes, place: str) -> Article:
    [(_, row)] = json_rows(decode(line, place).strip(), place)
    return article_of(row, place)


def _parquet_shards(path: Path) -> Iterator[Shard]:
    import pyarrow as pa

    try:
        file = _open_parquet(path)
    except (OSError, pa.ArrowException):
        yield Shard(0, "parquet", (path,), is_broken=True)  # reading its entry says what is wrong
        return
    first = 0
    for group in range(file.metadata.num_row_groups):
        yield Shard(0, "parquet", (path,), first, group=group)
        first += file.metadata.row_group(group).num_rows


def _parquet_entries(shard: Shard) -> Iterator[Entry]:
    import pyarrow as pa

    [path] = shard.paths
    number = shard.first
    try:
        file = _open_parquet(shard.base / path)
        columns = [name for name in COLUMNS if name in file.schema_arrow.names]
        size = (shard.base / path).stat().st_size // max(1, file.metadata.num_rows)
        for batch in file.iter_batches(100, row_groups=[shard.group], columns=columns):
            for offset in range(batch.num_rows):
                place = f"{path}, row {number}"
                yield Entry(place, size, partial(_article_of_row, batch.slice(offset, 1), place))
                number += 1
    except (OSError, pa.ArrowException) as error:
        # Arrow raises OSError, too, for broken data: without an error number
        if isinstance(error, OSError) and error.errno and not shard.is_broken:
            raise _unavailable(path, error) from error
        fault = f"{path}: cannot be read from row {number} on: {error}"
        yield Entry(f"{path}, row {number}", 0, partial(_fail, fault))


def _article_of_row(batch: Any, place: str) -> Article:
    [row] = batch.to_pylist()
    return article_of(row, place)


def _open_parquet(path: Path) -> Any:
    from pyarrow import parquet

    return parquet.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False)  # reads a row group in pieces


def _document_entries(shard: Shard) -> Iterator[Entry]:
    for path in shard.paths:
        try:
            size = (shard.base / path).lstat().st_size
        except OSError as error:
            raise _unavailable(path, error) from error
        yield Entry(str(path), size, partial(_article_of_file, path, shard.base))


def _article_of_file(path: Path, base: Path) -> Article:
    [article] = read_articles([str(base / path)])
    return replace(article, id=str(path))


PLANNERS: dict[str, Callable[[Path], Iterator[Shard]]] = {".jsonl": _jsonl_shards, ".parquet": _parquet_shards}
SUFFIXES = tuple(dict.fromkeys((*READERS, *PLANNERS)))
ENTRIES: dict[str, Callable[[Shard], Iterator[Entry]]] = {
    "documents": _document_entries,
    "jsonl": _jsonl_entries,
    "parquet": _parquet_entries,
}
