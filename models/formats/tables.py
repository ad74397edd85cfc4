"""Tagged articles as JSON, JSONL, CSV and Parquet."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from labels.articles import metadata

if TYPE_CHECKING:
    from models.tagger import TaggedArticle


def to_json(articles: "Sequence[TaggedArticle]", indent: int | None = 1) -> str:
    """Return a JSON list of articles, each with its metadata, text, counts and sentences."""
    rows = [
        {"id": tagged.article.id}
        | metadata(tagged.article)
        | {"text": tagged.article.text, "counts": tagged.counts}
        | {"sentences": [{key: row[key] for key in row if key != "article"} for row in _rows(tagged)]}
        for tagged in articles
    ]
    return json.dumps(rows, ensure_ascii=False, indent=indent) + "\n"


def to_jsonl(articles: "Sequence[TaggedArticle]") -> str:
    """Return a line of JSON for each sentence."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for tagged in articles for row in _rows(tagged))


def to_csv(articles: "Sequence[TaggedArticle]") -> str:
    """Return a row for each sentence, with a column for the probability of each label."""
    rows = [row for tagged in articles for row in flat_rows(tagged)]
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def to_parquet(articles: "Sequence[TaggedArticle]") -> bytes:
    """Return the table of `to_csv` as a Parquet file."""
    import pyarrow as pa
    from pyarrow import parquet

    content = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist([row for tagged in articles for row in flat_rows(tagged)]), content)
    return content.getvalue()


def flat_rows(tagged: "TaggedArticle") -> Iterator[dict[str, Any]]:
    """Yield a row for each sentence, with a column for the probability of each label."""
    for row in _rows(tagged):
        probabilities = row.pop("probabilities")
        yield row | {f"probability_{name}": probability for name, probability in probabilities.items()}


def _rows(tagged: "TaggedArticle") -> Iterator[dict[str, Any]]:
    for sentence, prediction in tagged.sentences:
        yield {
            "article": sentence.article_id,
            "index": sentence.index,
            "start": sentence.start,
            "end": sentence.end,
            "text": sentence.text,
            "label": prediction.label,
            "probability": prediction.probability,
            "probabilities": prediction.probabilities,
            "abstained": prediction.abstained,
        }
