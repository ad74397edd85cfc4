"""Tagged articles for a terminal; labels differ by name as well as colour."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from labels.scheme import Label

if TYPE_CHECKING:
    from models.tagger import Prediction, TaggedArticle


def to_terminal(articles: "Sequence[TaggedArticle]", width: int | None = None) -> str:
    """Return the articles as text, coloured unless NO_COLOR is set or the output is no terminal."""
    from rich.console import Console
    from rich.text import Text

    console = Console(width=width)
    with console.capture() as capture:
        for tagged in articles:
            article = tagged.article
            about = " · ".join(filter(None, (article.outlet, article.published, article.id)))
            console.rule(Text(article.title or article.id, style="bold"), align="left", characters="─")
            console.print(Text(about, style="dim"))
            console.print(_counts(tagged))
            for sentence, prediction in tagged.sentences:
                console.print(_line(tagged.scheme.label(prediction.label), prediction, sentence.text, console.width))
            console.print()
        console.print(Text("? = the model abstains: it is not sure enough for the precision it was set to", style="dim"))
    return capture.get()


def _counts(tagged: "TaggedArticle") -> Any:
    """Return the number of sentences of each label that occurs."""
    from rich.text import Text

    counts = Text()
    for label in tagged.scheme.labels:
        if tagged.counts[label.name]:
            counts.append(f"{label.title} {tagged.counts[label.name]}   ", style=_style(label))
    return counts


def _line(label: Label, prediction: "Prediction", text: str, width: int) -> Any:
    """Return a sentence beside its label and probability."""
    from rich.table import Table
    from rich.text import Text

    mark = "?" if prediction.abstained else " "
    title = Text(f"{label.title[:18]:<18}{mark}{prediction.probability:>4.0%} ", style=f"bold {_style(label)}")
    style = ""
    if not label.article_text:
        style = "dim"
    elif prediction.abstained:
        style = "italic"
    words = Text(" ".join(text.split()), style=style)
    table = Table.grid(padding=0)
    table.add_column(width=24)
    table.add_column(width=max(20, width - 24))
    table.add_row(title, words)
    return table


def _style(label: Label) -> str:
    return label.colour if label.article_text else "dim"
