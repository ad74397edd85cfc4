"""Bytes → text: `decode(data, source)`, `read_utf8(path)`; text → JSON objects: `json_rows(content, source)`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from labels.articles.article import encodable
from labels.errors import ArticleError


def decode(data: bytes, source: str) -> str:
    """Decode UTF-8 bytes; `source` names them in messages.

    Raises:
        ArticleError: the bytes are empty, binary, or in another encoding.
    """
    if not data.strip():
        raise ArticleError(f"{source}: is empty; give a file with an article in it")
    if b"\0" in data[:100_000]:
        raise ArticleError(f"{source}: is a binary file; give plain text, HTML or JSONL")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ArticleError(
            f"{source}: is not UTF-8 (byte 0x{data[error.start]:02x} at offset {error.start}); "
            "convert it, for instance with: iconv -f windows-1252 -t utf-8"
        ) from error


def read_utf8(path: Path) -> str:
    """Read a UTF-8 file; line ends stay as they are.

    Raises:
        ArticleError: the file is missing, empty, binary or not UTF-8.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ArticleError(f"{path}: no such file or folder; check the name") from None
    except OSError as error:
        raise ArticleError(f"{path}: cannot be read: {error.strerror}") from error
    return decode(data, str(path))


def json_rows(content: str, source: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number, object) for each line of JSONL text that is not blank.

    Raises:
        ArticleError: a line is not a JSON object; the message has its number.
    """
    for number, line in enumerate(content.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            raise ArticleError(f"{source}:{number}: not valid JSON: {error}; each line must be one JSON object") from error
        if not isinstance(row, dict):
            raise ArticleError(f"{source}:{number}: is {type(row).__name__}, not a JSON object with named fields")
        yield number, {key: encodable(value) if isinstance(value, str) else value for key, value in row.items()}
