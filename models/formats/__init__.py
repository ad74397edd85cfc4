"""Output formats: FORMATS maps a name to a function from tagged articles to text or bytes.

tables      JSON, JSONL, CSV, Parquet
terminal    for a terminal
page        the reading page; its template, style and script are in templates/
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from models.formats.page import to_html
from models.formats.tables import to_csv, to_json, to_jsonl, to_parquet
from models.formats.terminal import to_terminal

if TYPE_CHECKING:
    from models.tagger import TaggedArticle

Format = Callable[["Sequence[TaggedArticle]"], str | bytes]
FORMATS: dict[str, Format] = {
    "terminal": to_terminal,
    "json": to_json,
    "jsonl": to_jsonl,
    "csv": to_csv,
    "parquet": to_parquet,
    "html": to_html,
}
