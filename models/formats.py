"""Show tagged articles: FORMATS maps a name to a function from tagged articles to text or bytes.

The page and the terminal show the article's own text and nothing else; labels differ by line style and mark as well as colour.
"""

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from models.page import to_html
from models.tagger import TaggedArticle


def to_json(articles: Sequence[TaggedArticle], indent: int | None = 1) -> str:
    """Return a list of articles, each with its metadata, counts and sentences."""
    rows = [
        {key: getattr(tagged.article, key) for key in ("id", "title", "outlet", "url", "published", "text")}
        | {"counts": tagged.counts}
        | {"sentences": [{key: row[key] for key in row if key != "article"} for row in _rows(tagged)]}
        for tagged in articles
    ]
    return json.dumps(rows, ensure_ascii=False, indent=indent) + "\n"


def to_jsonl(articles: Sequence[TaggedArticle]) -> str:
    """Return one object a sentence."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for tagged in articles for row in _rows(tagged))


def to_csv(articles: Sequence[TaggedArticle]) -> str:
    """Return one row a sentence, a column for the probability of each label."""
    rows = [row for tagged in articles for row in flat_rows(tagged)]
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def to_parquet(articles: Sequence[TaggedArticle]) -> bytes:
    """Return the table of `to_csv` as Parquet."""
    import pyarrow as pa
    from pyarrow import parquet

    sink = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist([row for tagged in articles for row in flat_rows(tagged)]), sink)
    return sink.getvalue()


def to_terminal(articles: Sequence[TaggedArticle], width: int | None = None) -> str:
    """Return the articles for a terminal, coloured unless NO_COLOR is set or the output is no terminal."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    console = Console(width=width)
    with console.capture() as capture:
        for tagged in articles:
            article = tagged.article
            about = " · ".join(filter(None, (article.outlet, article.published, article.id)))
            console.rule(Text(article.title or article.id, style="bold"), align="left", characters="─")
            console.print(Text(about, style="dim"))
            console.print(_bar(tagged))
            for sentence, prediction in tagged.sentences:
                label = tagged.scheme.label(prediction.label)
                style = f"{label.colour}" if label.article_text else "dim"
                mark = "?" if prediction.abstained else " "
                tag = Text(f"{label.title[:18]:<18}{mark}{prediction.probability:>4.0%} ", style=f"bold {style}")
                words = " ".join(sentence.text.split())
                body = Text(words, style="dim" if not label.article_text else "italic" if prediction.abstained else "")
                console.print(Padding(_beside(tag, body, console.width), (0, 0, 0, 0)))
            console.print()
        console.print(Text("? = the model abstains: too unsure for the precision it was set to", style="dim"))
    return capture.get()


def flat_rows(tagged: TaggedArticle) -> Iterator[dict[str, Any]]:
    """Yield a row a sentence, the probability of each label in a column of its own."""
    for row in _rows(tagged):
        probabilities = row.pop("probabilities")
        yield row | {f"probability_{name}": p for name, p in probabilities.items()}


Format = Callable[[Sequence[TaggedArticle]], str | bytes]
FORMATS: dict[str, Format] = {
    "terminal": to_terminal,
    "json": to_json,
    "jsonl": to_jsonl,
    "csv": to_csv,
    "parquet": to_parquet,
    "html": to_html,
}


def _rows(tagged: TaggedArticle) -> Iterator[dict[str, Any]]:
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


def _bar(tagged: TaggedArticle) -> Any:
    from rich.text import Text

    shares = Text()
    for label in tagged.scheme.labels:
        if tagged.counts[label.name]:
            style = label.colour if label.article_text else "dim"
            shares.append(f"{label.title} {tagged.counts[label.name]}   ", style=style)
    return shares


def _beside(tag: Any, body: Any, width: int) -> Any:
    from rich.table import Table

    table = Table.grid(padding=0)
    table.add_column(width=24)
    table.add_column(width=max(20, width - 24))
    table.add_row(tag, body)
    return table
