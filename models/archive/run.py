"""Tag an archive of articles of any size, in bounded memory; killed at any point, the same command goes on where it was.

    newsvoice tag-archive articles.parquet tagged/ --model models/artifacts/real
    newsvoice tag-archive pages/ tagged/

IN is a JSONL or Parquet file of articles (text, id?, title?, outlet?, url?, published?), or a folder of such files and of pages
and texts. OUT gets sentences/, Parquet files that any reader takes as one table, a row a sentence, and errors.jsonl, a line for
each article that cannot be read or has no text. An article without an id is named by its place.

With --engine ray the cores of a Ray cluster do it: that of RAY_ADDRESS, or one started on this machine. Every node has this
project installed, and sees IN, OUT and the model under the same paths. Needs the optional group: pip install 'newsvoice[ray]'
"""

import argparse
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from labels.articles.archive import Shard, describe, plan
from labels.commands import DONE, add_verb
from labels.errors import ConfigError, OutputError
from labels.files import locked, new_file, write_whole, writing
from labels.progress import Report, progress
from models import DEFAULT_MODEL
from models.archive.shards import ERRORS, SENTENCES, Part, tag_shard

RECORD = "archive.json"  # what the output was begun with
Work = Callable[[Iterable[Shard], Path, int], Iterator[Part]]


def add_to(verbs: Any) -> None:
    """Add the command to those of the command line."""
    parser = add_verb(verbs, "tag-archive", _run, __doc__)
    parser.add_argument("source", type=Path, metavar="IN")
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL, metavar="DIR")
    parser.add_argument("--engine", choices=("here", "ray"), default="here", help="this process, or a Ray cluster")
    parser.add_argument("--part", type=int, default=200, metavar="N", help="articles a file of sentences (default: 200)")


def _run(arguments: argparse.Namespace) -> int:
    tag_archive(arguments.source, arguments.out, arguments.model, max(1, arguments.part), arguments.engine)
    print(arguments.out)
    return DONE


def tag_archive(source: Path, out: Path, model: Path, articles: int, engine: str = "here") -> None:
    """Tag all articles of `source`, so many a file, and write the result to `out`.

    Raises:
        ArticleError: there is no archive at `source`.
        OutputError: `out` holds other files, or another run writes there.
        ConfigError: what is in `out` was begun with another input or another model.
    """
    from models.artifact import model_version

    size, state = describe(source)
    if out.resolve().is_relative_to(source.resolve()):
        raise OutputError(f"{out}: lies inside {source}; name a folder elsewhere")
    work = _engine(engine, model)
    record = {"input": str(source.resolve()), "state of the input": state, "model": model_version(model), "part": articles}
    with _opened(out, record):
        try:
            with progress("tagging", "bytes", lines=True) as report:
                _follow(work(plan(source), out, articles), size, report)
        except KeyboardInterrupt:
            print("finished files are kept; the same command goes on from there", file=sys.stderr)
            raise
        finally:
            _join_errors(out)


def _engine(name: str, model: Path) -> Work:
    """Load what tags shards."""
    if name == "ray":
        from models.archive.cluster import ray_engine

        return ray_engine(model)
    from models.tagger import Tagger

    tagger = Tagger.load(model)

    def tag_here(shards: Iterable[Shard], out: Path, articles: int) -> Iterator[Part]:
        for shard in shards:
            yield from tag_shard(shard, out, tagger, articles)

    return tag_here


def _follow(parts: Iterable[Part], size: int, report: Report) -> None:
    """Do the work, part by part, and report it; `size` is that of the input in bytes."""
    seen = articles = sentences = faults = 0
    start = time.monotonic()
    for part in parts:
        seen += part.size
        if part.new:
            articles, sentences, faults = articles + part.articles, sentences + part.sentences, faults + part.faults
            rate = sentences / (time.monotonic() - start)
            report(seen, size, f"{articles} articles, {sentences} sentences, {rate:.0f} a second, {faults} errors")


@contextmanager
def _opened(out: Path, record: dict[str, Any]) -> Iterator[None]:
    """Make the output's folders, or check that what is in them is of the same work; no other run writes there meanwhile."""
    path = out / RECORD
    if out.is_dir() and not path.is_file() and any(entry.name[0] != "." for entry in out.iterdir()):
        raise OutputError(f"{out}: holds other files; name a folder that is new or empty")
    with locked(out, "another run writes there; wait for it, or name another folder"):
        if path.is_file():
            _check_same(out, json.loads(path.read_text(encoding="utf-8")), record)
        else:
            write_whole(path, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
        with writing(out):
            for folder in (out / SENTENCES, out / ERRORS):
                folder.mkdir(exist_ok=True)
                for leftover in folder.glob(".*"):  # of a run that was killed
                    leftover.unlink()
        yield


def _check_same(out: Path, before: dict[str, Any], record: dict[str, Any]) -> None:
    for key, value in record.items():
        if before.get(key) != value:
            was = f"{before.get(key)}, now {value}"
            raise ConfigError(f"{out}: was begun with another {key} ({was}); name another folder, or remove this one")


def _join_errors(out: Path) -> None:
    """Write errors.jsonl out of the errors of each part."""
    with new_file(out / f"{ERRORS}.jsonl") as file:
        for part in sorted((out / ERRORS).glob("*.jsonl")):
            with part.open("rb") as errors:
                shutil.copyfileobj(errors, file)
