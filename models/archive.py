"""Tag an archive of articles of any size, in bounded memory; killed at any point, the same command goes on where it was.

    python -m models tag-archive articles.parquet tagged/ --model models/artifacts/real
    python -m models tag-archive pages/ tagged/

IN is a JSONL or Parquet file of articles (text, id?, title?, outlet?, url?, published?), or a folder of such files and of pages
and texts. OUT gets sentences/, Parquet files that any reader takes as one table, a row a sentence, and errors.jsonl, a line for
each article that cannot be read or has no text. An article without an id is named by its place.

With --engine ray the cores of a Ray cluster do it: that of RAY_ADDRESS, or one started on this machine. Every node has this
project installed, and sees IN, OUT and the model under the same paths. Needs the optional group: pip install -e '.[ray]'
"""

import argparse
import fcntl
import io
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labels.archive import Entry, Shard, describe, plan, read_shard
from labels.articles import Split
from labels.errors import DONE, ArticleError, ConfigError, OutputError, exit_code, write_whole, writing
from models import DEFAULT_MODEL

if TYPE_CHECKING:
    import pyarrow as pa

    from models.tagger import Tagger

RECORD, SENTENCES, ERRORS = "archive.json", "sentences", "errors"
PART_BYTES = 20_000_000  # of input: what is read for a part is held in memory


@dataclass(frozen=True, slots=True)
class Part:
    """What became of some articles of a shard; `new` is false if an earlier run has done them."""

    size: int
    articles: int
    sentences: int
    faults: int
    new: bool


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m models tag-archive", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path, metavar="IN")
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL, metavar="DIR")
    parser.add_argument("--engine", choices=("here", "ray"), default="here", help="this process, or a Ray cluster")
    parser.add_argument("--part", type=int, default=200, metavar="N", help="articles a file of sentences (default: 200)")
    given = parser.parse_args(arguments)
    return exit_code(lambda: _run(given.source, given.out, given.model, max(1, given.part), given.engine))


def _run(source: Path, out: Path, model: Path, articles: int, engine: str) -> int:
    from models.artefact import model_version

    size, state = describe(source)
    if out.resolve().is_relative_to(source.resolve()):
        raise OutputError(f"{out}: lies inside {source}; name a folder elsewhere")
    work = _engine(engine, model)
    record = {"input": str(source.resolve()), "state of the input": state, "model": model_version(model), "part": articles}
    with _opened(out, record):
        report = _Report(size)
        try:
            for part in work(plan(source), out, articles):
                report.add(part)
        except KeyboardInterrupt:
            print("\nfinished files are kept; the same command goes on from there", file=sys.stderr)
            raise
        finally:
            _join_errors(out)
        report.close()
    print(out)
    return DONE


def _engine(name: str, model: Path) -> Callable[[Iterable[Shard], Path, int], Iterator[Part]]:
    """Load what tags shards."""
    if name == "ray":
        from models.cluster import ray_engine

        return ray_engine(model)
    from models.tagger import Tagger

    tagger = Tagger.load(model)

    def tag_here(shards: Iterable[Shard], out: Path, articles: int) -> Iterator[Part]:
        for shard in shards:
            yield from tag_shard(shard, out, tagger, articles)

    return tag_here


def tag_shard(shard: Shard, out: Path, tagger: "Tagger", articles: int) -> Iterator[Part]:
    """Tag a shard, `articles` at a time, and write a file of sentences for them, unless it is there."""
    from pyarrow import parquet

    for number, batch in enumerate(_batched(read_shard(shard), articles)):
        name, size = f"{shard.number:06}-{number:06}", sum(entry.size for entry in batch)
        path, errors = out / SENTENCES / f"{name}.parquet", out / ERRORS / f"{name}.jsonl"
        if path.exists():
            yield Part(size, len(batch), 0, 0, new=False)
            continue
        table, faults = _tag(batch, tagger)
        if faults:  # first, so that a file of sentences means that its articles are done with
            write_whole(errors, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in faults))
        else:
            errors.unlink(missing_ok=True)
        content = io.BytesIO()
        parquet.write_table(table, content, compression="zstd")
        write_whole(path, content.getvalue())
        yield Part(size, len(batch), table.num_rows, len(faults), new=True)


def _tag(entries: Iterable[Entry], tagger: "Tagger") -> "tuple[pa.Table, list[dict[str, str]]]":
    """Read, split and tag articles; whatever is wrong with one of a million, the others go on."""
    import pyarrow as pa

    from models.tagger import sentences_of

    read: dict[str, Split] = {}
    faults = []

    def fail(place: str, error: Exception) -> None:
        said = str(error) if isinstance(error, ArticleError) else f"{place}: {type(error).__name__}: {error}"
        faults.append({"place": place, "error": " ".join(said.split())})

    for entry in entries:
        try:
            article = entry.read()
            read[entry.place] = (article, sentences_of(article))
        except Exception as error:
            fail(entry.place, error)
    try:
        return _table(read, tagger), faults
    except Exception:  # one of them is at fault
        tables = [_table({}, tagger)]
        for place, split in read.items():
            try:
                tables.append(_table({place: split}, tagger))
            except Exception as error:
                fail(place, error)
        return pa.concat_tables(tables), faults


def _table(read: dict[str, Split], tagger: "Tagger") -> "pa.Table":
    """Tag articles, {place: article}; the columns are those of the CSV format, with place, outlet and date of the article."""
    import pyarrow as pa

    from models.formats import flat_rows

    text, number, score = pa.dictionary(pa.int32(), pa.string()), pa.int32(), pa.float32()
    fields = dict.fromkeys(("place", "article", "outlet", "published"), text) | dict.fromkeys(("index", "start", "end"), number)
    fields |= {"text": pa.string(), "label": text, "probability": score, "abstained": pa.bool_()}
    fields |= {f"probability_{name}": score for name in tagger.scheme.names}
    rows = [
        {"place": place, "outlet": tagged.article.outlet, "published": tagged.article.published} | row
        for place, tagged in zip(read, tagger.tag_split(list(read.values())), strict=True)
        for row in flat_rows(tagged)
    ]
    return pa.Table.from_pylist(rows, schema=pa.schema(fields))


def _batched(entries: Iterator[Entry], articles: int) -> Iterator[list[Entry]]:
    """Group entries by number and by bytes, always in the same way."""
    batch: list[Entry] = []
    size = 0
    for entry in entries:
        batch.append(entry)
        size += entry.size
        if len(batch) == articles or size > PART_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


@contextmanager
def _opened(out: Path, record: dict[str, Any]) -> Iterator[None]:
    """Make the output's folders, or check that what is there is of the same work; no other run writes there meanwhile."""
    path = out / RECORD
    if out.is_dir() and not path.is_file() and any(entry.name[0] != "." for entry in out.iterdir()):
        raise OutputError(f"{out}: holds other files; name a folder that is new or empty")
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        lock = (out / ".lock").open("w")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputError(f"{out}: another run writes there; wait for it, or name another folder") from error
        except OSError as error:
            raise OutputError(f"{out}: files cannot be locked there: {error.strerror}; name a folder elsewhere") from error
        if path.is_file():
            before = json.loads(path.read_text(encoding="utf-8"))
            for key, value in record.items():
                if before.get(key) != value:
                    was = f"{before.get(key)}, now {value}"
                    raise ConfigError(f"{out}: was begun with another {key} ({was}); name another folder, or remove this one")
        else:
            write_whole(path, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
        with writing(out):
            for folder in (out / SENTENCES, out / ERRORS):
                folder.mkdir(exist_ok=True)
                for left in folder.glob(".*"):  # of a run that was killed
                    left.unlink()
        yield


def _join_errors(out: Path) -> None:
    """Write errors.jsonl out of the errors of each part."""
    path = out / f"{ERRORS}.jsonl"
    with writing(path):
        partial = path.with_name(f".{path.name}")
        with partial.open("wb") as file:
            for part in sorted((out / ERRORS).glob("*.jsonl")):
                with part.open("rb") as errors:
                    shutil.copyfileobj(errors, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)


class _Report:
    """Say how far the work is: share of the input, sentences a second, time left."""

    def __init__(self, total: int) -> None:
        self.total, self.seen, self.new_bytes, self.articles, self.sentences, self.faults = total, 0, 0, 0, 0, 0
        self.begin = time.monotonic()

    def add(self, part: Part) -> None:
        self.seen += part.size
        if not part.new:
            return
        self.new_bytes += part.size
        self.articles += part.articles
        self.sentences += part.sentences
        self.faults += part.faults
        seconds = time.monotonic() - self.begin
        left = (self.total - self.seen) * seconds / max(1, self.new_bytes)
        self._say(
            f"{self.seen / max(1, self.total):4.0%}  {self.articles} articles, {self.sentences} sentences, "
            f"{self.sentences / seconds:.0f} a second, {self.faults} errors, {_clock(left)} left"
        )

    def close(self) -> None:
        if sys.stderr.isatty():
            print(file=sys.stderr)

    def _say(self, line: str) -> None:
        if sys.stderr.isatty():
            width = shutil.get_terminal_size().columns
            print(f"\r{line[: width - 1]:<{width - 1}}", end="", file=sys.stderr)
        else:
            print(line, file=sys.stderr)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
