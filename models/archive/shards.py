"""Tag a shard of an archive: `tag_shard(shard, out, tagger, articles)` → what became of each part of it."""

import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from labels.articles.archive import Entry, Shard, read_shard
from labels.articles.article import Split
from labels.articles.splitting import sentences_of
from labels.errors import ArticleError
from labels.files import write_whole

if TYPE_CHECKING:
    import pyarrow as pa

    from models.tagger import Tagger

SENTENCES, ERRORS = "sentences", "errors"  # folders of the output
PART_BYTES = 20_000_000  # of input: what is read for a part is held in memory


@dataclass(frozen=True, slots=True)
class Part:
    """What became of some articles of a shard; `new` is false if an earlier run has done them."""

    size: int
    articles: int
    sentences: int
    faults: int
    new: bool


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

    from models.formats.tables import flat_rows

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
