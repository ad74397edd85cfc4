"""Measure what it costs to tag an archive, and whether being killed changes the result.

    python -m scripts.bench.archive ARTICLES.jsonl --model models/artifacts/real-int8

The articles, repeated under new ids, make archives of 1,000, 10,000 and 100,000 sentences, and `python -m models tag-archive`
tags each. Then it tags the largest archive a second time, and is killed and started again when a quarter, half and three
quarters of the output files are written. All rows are compared with those of the undisturbed run. The result is written to
docs/measured/archive.json, which docs/archives.md shows. Exit code 1 if a row differs.
"""

import argparse
import itertools
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labels.articles import Article, read_articles
from labels.commands import CHECK_FAILED, DONE, command, execute
from labels.errors import ConfigError
from labels.files import write_whole
from models import DEFAULT_MODEL
from models.archive.shards import SENTENCES
from scripts.tables import MEASURED, archive_table
from train.memory import peak_memory

SIZES = (1_000, 10_000, 100_000)  # sentences
KILLED_AT = (0.25, 0.5, 0.75)  # shares of the output files


def main() -> int:
    """Run the command line; return its exit code."""
    parser = command(__doc__)
    parser.add_argument("articles", metavar="ARTICLES", help="as for newsvoice tag")
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL, metavar="DIR", help="default: %(default)s")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="N", help="sentences (default: %(default)s)")
    parser.add_argument("--part", type=int, default=200, metavar="N", help="articles in an output file (default: %(default)s)")
    return execute(parser, _run)


def _run(arguments: argparse.Namespace) -> int:
    from labels.articles import sentences_of
    from models.artifact import model_version
    from models.onnx.runtime import cores

    model, part, sizes = arguments.model, arguments.part, sorted(arguments.sizes)
    articles = [(article, len(sentences_of(article))) for article in read_articles([arguments.articles])]
    measured: dict[str, Any] = {"model": model_version(model), "cores": cores(), "part": part, "rows": []}
    with tempfile.TemporaryDirectory() as folder:
        archives = [Path(folder) / f"{size}.jsonl" for size in sizes]
        counts = [_write_archive(articles, size, archive) for size, archive in zip(sizes, archives, strict=True)]
        if counts[-1] <= part * len(KILLED_AT):
            raise ConfigError(f"--part {part}: {counts[-1]} articles make too few files to kill a run between; give less")
        for archive, count in zip(archives, counts, strict=True):
            row = {"articles": count} | _measure(archive, model, part)
            measured["rows"].append(row)
            print(row, file=sys.stderr)
        measured |= _measure_kills(archives[-1], model, part)
    write_whole(MEASURED / "archive.json", json.dumps(measured, indent=1) + "\n")
    print(archive_table())
    return CHECK_FAILED if measured["rows_differ"] else DONE


def _write_archive(articles: Sequence[tuple[Article, int]], sentences: int, path: Path) -> int:
    """Repeat articles until they have so many sentences together; return the number of articles written.

    Args:
        articles: each with its number of sentences.
    """
    size = 0
    with path.open("w", encoding="utf-8") as file:
        for number, (article, length) in enumerate(itertools.cycle(articles), start=1):
            file.write(json.dumps({"id": f"{article.id} {number}", "title": article.title, "text": article.text}) + "\n")
            size += length
            if size >= sentences:
                break
    return number


def _measure(archive: Path, model: Path, part: int) -> dict[str, Any]:
    """Tag an archive into the folder beside it that has its name; return what that took."""
    from pyarrow import parquet

    out, begin = archive.with_suffix(""), time.monotonic()
    memory = _finish(_start(archive, out, model, part))
    seconds = time.monotonic() - begin
    files = _files(out)
    return {
        "input_bytes": archive.stat().st_size,
        "seconds": seconds,
        "memory_mb": memory,
        "sentences": sum(parquet.read_metadata(file).num_rows for file in files),
        "output_bytes": sum(file.stat().st_size for file in files),
    }


def _measure_kills(archive: Path, model: Path, part: int) -> dict[str, Any]:
    """Tag an archive again, killed several times; return when it was killed, and how many rows differ from the first run."""
    undisturbed = archive.with_suffix("")
    out, files = archive.parent / "killed", len(_files(undisturbed))
    killed_after = [_kill(archive, out, model, part, int(files * share)) for share in KILLED_AT]
    _finish(_start(archive, out, model, part))
    return {"killed_after_files": killed_after, "files": files, "rows_differ": _differences(undisturbed, out)}


def _start(archive: Path, out: Path, model: Path, part: int) -> "subprocess.Popen[bytes]":
    arguments = ["tag-archive", str(archive), str(out), "--model", str(model), "--part", str(part)]
    command = [sys.executable, "-m", "models", *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _finish(process: "subprocess.Popen[bytes]") -> int:
    """Wait for a run to end; return its peak memory in MB.

    Raises:
        ConfigError: it failed.
    """
    with peak_memory(process.pid) as peak:
        if status := process.wait():
            raise ConfigError(f"python -m models tag-archive ended with {status}; run it by hand to see why")
        return peak()


def _kill(archive: Path, out: Path, model: Path, part: int, files: int) -> int:
    """Start a run, and kill it when so many output files are written; return how many are written then.

    Raises:
        ConfigError: it ended before it was killed.
    """
    process = _start(archive, out, model, part)
    while len(_files(out)) < files and process.poll() is None:
        time.sleep(0.05)
    process.kill()
    if process.wait() != -signal.SIGKILL:
        status = process.returncode
        raise ConfigError(f"python -m models tag-archive ended with {status} before it was killed; run it by hand to see why")
    return len(_files(out))


def _files(out: Path) -> list[Path]:
    return sorted((out / SENTENCES).glob("*.parquet"))


def _differences(one: Path, other: Path) -> int:
    """Return how many sentences differ between two results, stand in only one of them, or stand in one more than once."""
    from pyarrow import parquet

    one_rows, other_rows = (parquet.read_table(out / SENTENCES).to_pylist() for out in (one, other))
    one_by_key, other_by_key = ({(row["place"], row["index"]): row for row in rows} for rows in (one_rows, other_rows))
    differences: int = sum(one_by_key.get(key) != other_by_key.get(key) for key in one_by_key | other_by_key)
    duplicates = len(one_rows) - len(one_by_key) + len(other_rows) - len(other_by_key)
    return differences + duplicates


if __name__ == "__main__":
    sys.exit(main())
