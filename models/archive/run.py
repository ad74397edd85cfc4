"""Tag an archive of articles of any size in bounded memory; if it is killed, run the same command again to go on.

    newsvoice tag-archive articles.parquet tagged/ --model models/artifacts/real
    newsvoice tag-archive pages/ tagged/

IN is a JSONL or Parquet file of articles (text, id?, title?, outlet?, url?, published?), or a folder of such files, of pages
and of texts. The folder OUT gets sentences/, Parquet files that are one table with a row for each sentence, and errors.jsonl,
with a line for each article that cannot be read or has no text. An article without an id is named by its place in IN.

With --engine ray the work is done by a Ray cluster: the one at RAY_ADDRESS, or one that is started on this machine. On every
node newsvoice must be installed, and IN, OUT and the model must have the same paths. Needs the optional group:
pip install 'newsvoice[ray]'
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

RECORD = "archive.json"  # the input and the model that the output was begun with
Engine = Callable[[Iterable[Shard], Path, int], Iterator[Part]]  # shards, OUT, articles a file → finished parts


def add_to(verbs: Any) -> None:
    """Add `tag-archive` to the commands of the command line."""
    parser = add_verb(verbs, "tag-archive", _run, __doc__)
    parser.add_argument("source", type=Path, metavar="IN")
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL, metavar="DIR")
    parser.add_argument("--engine", choices=("here", "ray"), default="here", help="what tags: this process, or a Ray cluster")
    parser.add_argument(
        "--part", type=int, default=200, metavar="N", help="articles in a file of sentences (default: %(default)s)"
    )


def _run(arguments: argparse.Namespace) -> int:
    tag_archive(arguments.source, arguments.out, arguments.model, max(1, arguments.part), arguments.engine)
    print(arguments.out)
    return DONE


def tag_archive(source: Path, out: Path, model: Path, articles: int, engine: str = "here") -> None:
    """Tag all articles of `source` and write the result to the folder `out`.

    Args:
        articles: how many go into one file of sentences.
        engine: here or ray.

    Raises:
        ArticleError: there is no archive at `source`.
        OutputError: `out` holds other files, or another run writes there.
        ConfigError: `out` was begun with another input or another model.
    """
    import pyarrow  # noqa: F401  # before any work, if it is missing

    from models.artifact import model_version

    size, state = describe(source)
    if out.resolve().is_relative_to(source.resolve()):
        raise OutputError(f"{out}: lies inside {source}; name a folder elsewhere")
    tag = _load_engine(engine, model)
    record = {"input": str(source.resolve()), "state of the input": state, "model": model_version(model), "part": articles}
    with _claimed(out, record):
        try:
            with progress("tagging", "bytes", lines=True) as report:
                _report_parts(tag(plan(source), out, articles), size, report)
        except KeyboardInterrupt:
            print("finished files are kept; run the same command again to go on", file=sys.stderr)
            raise
        finally:
            _join_errors(out)


def _load_engine(name: str, model: Path) -> Engine:
    if name == "ray":
        from models.archive.cluster import ray_engine

        return ray_engine(model)
    from models.tagger import Tagger

    tagger = Tagger.load(model)

    def tag_here(shards: Iterable[Shard], out: Path, articles: int) -> Iterator[Part]:
        for shard in shards:
            yield from tag_shard(shard, out, tagger, articles)

    return tag_here


def _report_parts(parts: Iterable[Part], size: int, report: Report) -> None:
    """Take the parts as they are finished, and report each; `size` is that of the input in bytes."""
    done = articles = sentences = faults = 0
    start = time.monotonic()
    for part in parts:
        done += part.size
        if not part.new:
            continue
        articles += part.articles
        sentences += part.sentences
        faults += part.faults
        rate = sentences / (time.monotonic() - start)
        report(done, size, f"{articles} articles, {sentences} sentences, {rate:.0f} a second, {faults} errors")


@contextmanager
def _claimed(out: Path, record: dict[str, Any]) -> Iterator[None]:
    """Make the output's folders, or check that they were begun with the same record; lock out other runs in the block."""
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
                for unfinished in folder.glob(".*"):  # by a run that was killed
                    unfinished.unlink()
        yield


def _check_same(out: Path, old: dict[str, Any], new: dict[str, Any]) -> None:
    """Raise ConfigError if the output was begun with another record."""
    for key, value in new.items():
        if old.get(key) != value:
            change = f"{old.get(key)}, now {value}"
            raise ConfigError(f"{out}: was begun with another {key} ({change}); name another folder, or remove this one")


def _join_errors(out: Path) -> None:
    """Join the errors of the parts into errors.jsonl."""
    with new_file(out / f"{ERRORS}.jsonl") as file:
        for part in sorted((out / ERRORS).glob("*.jsonl")):
            with part.open("rb") as errors:
                shutil.copyfileobj(errors, file)
