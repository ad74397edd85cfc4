"""The reading page: `to_html(articles)` → one HTML page that loads nothing and can be read without its script.

Labels differ by line style as well as colour. The page shows the articles' own text; where a reader hides a sentence, it shows
[…]. Its content security policy (`policy`) allows only its own style and script, so text of an article cannot run.
"""

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labels.scheme import LabelScheme

if TYPE_CHECKING:
    from jinja2 import Template

    from models.tagger import Prediction, TaggedArticle

FOLDER = Path(__file__).parent / "templates"
LINE_STYLES = ("solid", "dashed", "double", "wavy", "dotted")  # CSS text-decoration-style of the labels, in the scheme's order


def to_html(articles: "Sequence[TaggedArticle]") -> str:
    """Return the articles as one page, ordered by outlet; several articles get an index with the shares of their labels."""
    scheme = articles[0].scheme
    entries = sorted((_entry(tagged) for tagged in articles), key=lambda entry: str(entry["outlet"]))
    for number, entry in enumerate(entries, start=1):
        entry["anchor"] = f"article{number}"
    others = f" and {len(entries) - 1} more" if len(entries) > 1 else ""
    return _template("page").render(
        title=entries[0]["title"] + others,
        labels=scheme.labels,
        entries=entries,
        has_outlets=any(entry["outlet"] for entry in entries),
        style=_style(scheme),
        script=_script(),
        policy=policy(scheme),
    )


def form_page(scheme: LabelScheme, *, allow_fetch: bool, fault: str = "", text: str = "", url: str = "") -> str:
    """Return the page that asks for an article, filled with what was sent last and what was wrong with it."""
    return _template("form").render(fault=fault, text=text, url=url, allow_fetch=allow_fetch, style=_style(scheme))


def policy(scheme: LabelScheme, *, forms: bool = False) -> str:
    """Return the content security policy: the page's own style and script may run, with `forms` its form be sent, no more."""
    sources = f"style-src {_hash_source(_style(scheme))}; script-src {_hash_source(_script())}"
    target = "'self'" if forms else "'none'"
    return f"default-src 'none'; {sources}; base-uri 'none'; form-action {target}"


def _hash_source(content: str) -> str:
    """Return how a content security policy names a style or script by its hash."""
    return f"'sha256-{b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


@cache
def _template(name: str) -> "Template":
    from jinja2 import Environment

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string((FOLDER / f"{name}.html.jinja").read_text(encoding="utf-8"))


@cache
def _script() -> str:
    return (FOLDER / "page.js").read_text(encoding="utf-8")


@cache
def _style(scheme: LabelScheme) -> str:
    """Return the style sheet, with rules for each label added."""
    rules = [(FOLDER / "page.css").read_text(encoding="utf-8")]
    for number, label in enumerate(scheme.labels):
        unticked = f"body:has(#show{number}:not(:checked))"
        rules += [
            f".l{number} {{ --mark: {label.colour}; --text: color-mix(in srgb, {label.colour} 85%, black); }}",
            f".l{number} > .words, .name.l{number} {{ text-decoration-style: {LINE_STYLES[number % len(LINE_STYLES)]}; }}",
            f"{unticked} article .l{number} > .words {{ opacity: .25; }}",
            f"{unticked}:has(#hide:checked) article .l{number} > .words {{ display: none; }}",
            f"{unticked}:has(#hide:checked) article .l{number} > .omitted {{ display: inline; }}",
            f"@media (prefers-color-scheme: dark) {{ .l{number} {{ --mark: color-mix(in srgb, {label.colour} 60%, white); "
            f"--text: color-mix(in srgb, {label.colour} 40%, white); }} }}",
        ]
    return "\n".join(rules)


def _entry(tagged: "TaggedArticle") -> dict[str, Any]:
    """Return what the template needs of one article."""
    article, scheme = tagged.article, tagged.scheme
    total = sum(tagged.counts[name] for name in scheme.article_labels)
    shares, start = [], 0.0
    for name in scheme.article_labels:
        percent = 100 * tagged.counts[name] / max(total, 1)
        count, number, title = tagged.counts[name], scheme.label2id[name], scheme.label(name).title
        shares.append({"number": number, "title": title, "count": count, "percent": percent, "from": start})
        start += percent
    return {
        "title": article.title or article.id,
        "outlet": article.outlet or "",
        "published": article.published or "",
        "total": total,
        "shares": shares,
        "paragraphs": _paragraphs(tagged),
    }


def _paragraphs(tagged: "TaggedArticle") -> list[list[dict[str, Any]]]:
    """Cut the article's sentences into paragraphs where its text has a line break between them."""
    paragraphs: list[list[dict[str, Any]]] = [[]]
    position = 0
    for sentence, prediction in tagged.sentences:
        between = tagged.article.text[position : sentence.start]
        if paragraphs[-1] and any(character in between for character in "\n\r\u2028\u2029"):
            paragraphs.append([])
        label = tagged.scheme.label(prediction.label)
        paragraphs[-1].append(
            {
                "text": sentence.text,
                "number": tagged.scheme.label2id[prediction.label],
                "strength": min(9, max(5, int(prediction.probability * 10))),
                "off": not label.article_text,
                "abstained": prediction.abstained,
                "why": _why(tagged.scheme, prediction),
                "read_aloud": f"{label.title}, undecided" if prediction.abstained else label.title,
            }
        )
        position = sentence.end
    return paragraphs


def _why(scheme: LabelScheme, prediction: "Prediction") -> str:
    """Return the two most probable labels with their probabilities."""
    ranked = sorted(prediction.probabilities.items(), key=lambda item: -item[1])[:2]
    first, second = (f"{scheme.label(name).title} {probability:.0%}" for name, probability in ranked)
    return f"Undecided: {first}, or {second}" if prediction.abstained else f"{first} · next {second}"
