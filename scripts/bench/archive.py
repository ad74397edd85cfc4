"""What it costs to tag an archive, and whether being killed changes what comes out.

    python -m scripts.bench_archive ARTICLES.jsonl --model models/artifacts/real-int8

The articles, over and over under other ids, make archives of 1,000, 10,000 and 100,000 sentences, and `python -m models
tag-archive` tags each. It tags the largest once more, is killed three times, with a quarter, half and three quarters of the
files of sentences written, and started again each time; all rows are then compared with those of the run that nobody
disturbed. Kept in scripts/measured/archive.json, which docs/archives.md shows. Exit code 1 if a row differs.
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

from labels.articles.article import Article
from labels.articles.sources import read_articles
from labels.commands import CHECK_FAILED, DONE, command, execute
from labels.errors import ConfigError
from labels.files import write_whole
from models import DEFAULT_MODEL
from models.archive.shards import SENTENCES
from scripts.tables import MEASURED, archive_table
from train.memory import peak_memory

SIZES = (1_000, 10_000, 100_000)  # sentences
KILLED_AT = (0.25, 0.5, 0.75)


def main() -> int:
    parser = command(__doc__)
    parser.add_argument("articles", metavar="ARTICLES", help="what `python -m models` reads")
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL, metavar="DIR")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="N", help="sentences (default: %(default)s)")
    parser.add_argument("--part", type=int, default=200, metavar="N", help="articles a file of sentences (default: 200)")
    return execute(parser, _run)


def _run(arguments: argparse.Namespace) -> int:
    articles, model, sizes, part = arguments.articles, arguments.model, sorted(arguments.sizes), arguments.part
    from labels.articles.splitting import sentences_of
    from models.artifact import model_version
    from models.onnx.runtime import cores

    read = [(article, len(sentences_of(article))) for article in read_articles([articles])]
    found: dict[str, Any] = {"model": model_version(model), "cores": cores(), "part": part, "rows": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        archives = [folder / f"{size}.jsonl" for size in sizes]
        counts = [_repeat(read, size, archive) for size, archive in zip(sizes, archives, strict=True)]
        if counts[-1] <= part * len(KILLED_AT):
            raise ConfigError(f"--part {part}: is too much of {counts[-1]} articles to be killed between; give less")
        for archive, count in zip(archives, counts, strict=True):
            out, begin = archive.with_suffix(""), time.monotonic()
            row: dict[str, Any] = {"articles": count, "input_bytes": archive.stat().st_size}
            memory = _finish(_start(archive, out, model, part))
            row |= {"seconds": time.monotonic() - begin, "memory_mb": memory, **_measures(out)}
            found["rows"].append(row)
            print(row, file=sys.stderr)
        killed, whole = folder / "killed", len(_files(out))
        found["killed_after_files"] = [_kill(archive, killed, model, part, int(whole * at)) for at in KILLED_AT]
        found["files"] = whole
        _finish(_start(archive, killed, model, part))
        found["rows_differ"] = _differences(out, killed)
    write_whole(MEASURED / "archive.json", json.dumps(found, indent=1) + "\n")
    print(archive_table())
    return CHECK_FAILED if found["rows_differ"] else DONE


def _repeat(read: Sequence[tuple[Article, int]], sentences: int, path: Path) -> int:
    """Write an archive of so many sentences or a few more, out of articles and their lengths; return how many articles."""
    size = 0
    with path.open("w", encoding="utf-8") as file:
        for number, (article, length) in enumerate(itertools.cycle(read), start=1):
            file.write(json.dumps({"id": f"{article.id} {number}", "title": article.title, "text": article.text}) + "\n")
            size += length
            if size >= sentences:
                break
    return number


def _start(archive: Path, out: Path, model: Path, part: int) -> "subprocess.Popen[bytes]":
    command = ["models", "tag-archive", str(archive), str(out), "--model", str(model), "--part", str(part)]
    return subprocess.Popen([sys.executable, "-m", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _finish(process: "subprocess.Popen[bytes]") -> int:
    """Wait for it; return the peak of its memory in MB."""
    with peak_memory(process.pid) as peak:
        if status := process.wait():
            raise ConfigError(f"python -m models tag-archive ended with {status}; try it by hand")
        return peak()


def _kill(archive: Path, out: Path, model: Path, part: int, files: int) -> int:
    """Start it, kill it when so many files are written; return how many there are then."""
    process = _start(archive, out, model, part)
    while len(_files(out)) < files and process.poll() is None:
        time.sleep(0.05)
    process.kill()
    if process.wait() != -signal.SIGKILL:
        raise ConfigError(f"python -m models tag-archive ended before it was killed, with {process.returncode}; try it by hand")
    return len(_files(out))


def _files(out: Path) -> list[Path]:
    return sorted((out / SENTENCES).glob("*.parquet"))


def _measures(out: Path) -> dict[str, int]:
    from pyarrow import parquet

    files = _files(out)
    return {
        "sentences": sum(parquet.read_metadata(file).num_rows for file in files),
        "output_bytes": sum(file.stat().st_size for file in files),
    }


def _differences(one: Path, other: Path) -> int:
    """Return how many sentences stand in two results otherwise, or not in both, or more than once."""
    from pyarrow import parquet

    tables = [parquet.read_table(out / SENTENCES).to_pylist() for out in (one, other)]
    first, second = ({(row["place"], row["index"]): row for row in rows} for rows in tables)
    differ: int = sum(first.get(key) != second.get(key) for key in first | second)
    return differ + sum(map(len, tables)) - len(first) - len(second)


if __name__ == "__main__":
    sys.exit(main())
