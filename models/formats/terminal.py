"""Tagged articles for a terminal; labels differ by name as well as colour."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from models.tagger import TaggedArticle


def to_terminal(articles: "Sequence[TaggedArticle]", width: int | None = None) -> str:
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


def _bar(tagged: "TaggedArticle") -> Any:
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
