"""Tag a shard of an archive: `tag_shard(shard, out, tagger, articles)` → parts, files of sentences in `out`."""

import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from labels.articles import Split, sentences_of
from labels.articles.archive import Entry, Shard, read_shard
from labels.errors import ArticleError
from labels.files import write_whole

if TYPE_CHECKING:
    import pyarrow as pa

    from models.tagger import Tagger

SENTENCES, ERRORS = "sentences", "errors"  # folders of the output
PART_BYTES = 20_000_000  # of input, after which a part is full: it is held in memory


@dataclass(frozen=True, slots=True)
class Part:
    """Some articles of a shard that are done.

    Attributes:
        size: bytes of input.
        faults: articles that could not be tagged.
        new: false if an earlier run has tagged them; sentences and faults are then not counted.
    """

    size: int
    articles: int
    sentences: int
    faults: int
    new: bool


def tag_shard(shard: Shard, out: Path, tagger: "Tagger", articles: int) -> Iterator[Part]:
    """Tag a shard, so many articles a part, and write each part's sentences to a file, unless the file exists already."""
    from pyarrow import parquet

    for number, batch in enumerate(_parts(read_shard(shard), articles)):
        name, size = f"{shard.number:06}-{number:06}", sum(entry.size for entry in batch)
        path, errors = out / SENTENCES / f"{name}.parquet", out / ERRORS / f"{name}.jsonl"
        if path.exists():
            yield Part(size, len(batch), 0, 0, new=False)
            continue
        table, faults = _tag_entries(batch, tagger)
        if faults:  # written first: once the file of sentences exists, the part counts as done
            write_whole(errors, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in faults))
        else:
            errors.unlink(missing_ok=True)
        content = io.BytesIO()
        parquet.write_table(table, content, compression="zstd")
        write_whole(path, content.getvalue())
        yield Part(size, len(batch), table.num_rows, len(faults), new=True)


def _tag_entries(entries: Iterable[Entry], tagger: "Tagger") -> "tuple[pa.Table, list[dict[str, str]]]":
    """Read, split and tag articles; return a table of their sentences, and {place, error} of those that failed.

    An article that fails, for whatever reason, does not stop the others.
    """
    splits: dict[str, Split] = {}
    faults = []
    for entry in entries:
        try:
            article = entry.read()
            splits[entry.place] = (article, sentences_of(article))
        except Exception as error:
            faults.append(_fault(entry.place, error))
    try:
        return _tag_table(splits, tagger), faults
    except Exception:  # one of the articles is the cause: tag each alone
        table, more_faults = _tag_one_by_one(splits, tagger)
        return table, faults + more_faults


def _tag_one_by_one(splits: dict[str, Split], tagger: "Tagger") -> "tuple[pa.Table, list[dict[str, str]]]":
    import pyarrow as pa

    tables, faults = [_tag_table({}, tagger)], []
    for place, split in splits.items():
        try:
            tables.append(_tag_table({place: split}, tagger))
        except Exception as error:
            faults.append(_fault(place, error))
    return pa.concat_tables(tables), faults


def _fault(place: str, error: Exception) -> dict[str, str]:
    text = str(error) if isinstance(error, ArticleError) else f"{place}: {type(error).__name__}: {error}"
    return {"place": place, "error": " ".join(text.split())}


def _tag_table(splits: dict[str, Split], tagger: "Tagger") -> "pa.Table":
    """Tag articles, {place: article}; return the columns of the CSV format, with place, outlet and date of the article."""
    import pyarrow as pa

    from models.formats.tables import flat_rows

    repeated, number, score = pa.dictionary(pa.int32(), pa.string()), pa.int32(), pa.float32()
    fields = dict.fromkeys(("place", "article", "outlet", "published"), repeated) | dict.fromkeys(
        ("index", "start", "end"), number
    )
    fields |= {"text": pa.string(), "label": repeated, "probability": score, "abstained": pa.bool_()}
    fields |= {f"probability_{label}": score for label in tagger.scheme.names}
    rows = [
        {"place": place, "outlet": tagged.article.outlet, "published": tagged.article.published} | row
        for place, tagged in zip(splits, tagger.tag_split(list(splits.values())), strict=True)
        for row in flat_rows(tagged)
    ]
    return pa.Table.from_pylist(rows, schema=pa.schema(fields))


def _parts(entries: Iterator[Entry], articles: int) -> Iterator[list[Entry]]:
    """Group entries by number and by bytes; the same entries always give the same groups."""
    part: list[Entry] = []
    size = 0
    for entry in entries:
        part.append(entry)
        size += entry.size
        if len(part) == articles or size > PART_BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part
