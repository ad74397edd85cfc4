"""The text of one file → articles: READERS maps a file's suffix to its reader; `reader_of(content)` looks at the content."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from labels.articles.article import Article, article_of
from labels.articles.boilerplate import find_boilerplate
from labels.articles.decoding import json_rows
from labels.errors import ArticleError
from labels.silence import silenced

HEADLINE_LENGTH = 200  # characters
Reader = Callable[[str, str], list[Article]]  # (content, source) → articles


def read_text(content: str, source: str) -> list[Article]:
    """Read plain text: one article, whose title is the first line that is not boilerplate, if it looks like a headline."""
    lines = [line.strip() for line in content.splitlines() if line.strip()]
    if not lines:
        raise ArticleError(f"{source}: holds no text; give a file with an article in it")
    boilerplate = find_boilerplate(lines)
    first = next((line for line, is_boilerplate in zip(lines, boilerplate, strict=True) if not is_boilerplate), "")
    date = re.search(r"\b(?:19|20)\d\d-[01]\d-[0-3]\d\b", first)
    has_end = re.search(r"[.!?:;,][\"”’')]*$", first)
    title = first if len(first) <= HEADLINE_LENGTH and len(first.split()) > 2 and not has_end else None
    return [Article(article_id(source), content, title, published=date.group() if date else None)]


def read_html(content: str, source: str) -> list[Article]:
    """Read an HTML page: the headline and the main text that trafilatura finds, with title, outlet, address and date."""
    import trafilatura

    with silenced("trafilatura", "htmldate"):
        page: Any = trafilatura.bare_extraction(content, with_metadata=True, include_comments=False, include_tables=False)
    body = (page.text or "").strip() if page else ""
    if len(re.findall(r"\w+", body)) < 5:
        raise ArticleError(f"{source}: no article found in this HTML; save the page's text as a .txt file and read that")
    title = page.title or None
    if title and not body.startswith(title):
        body = f"{title}\n{body}"
    return [Article(article_id(source), body, title, page.sitename or page.hostname, page.url, page.date)]


def read_jsonl(content: str, source: str) -> list[Article]:
    """Read JSONL: one article per line, an object with "text" and, if known, "id" and the fields of METADATA."""
    articles = []
    for number, row in json_rows(content, source):
        place = f"{source}:{number}"
        article = article_of(row, place)
        if article.id == place:  # the row has no id
            article = replace(article, id=f"{article_id(source)}:{number}")
        articles.append(article)
    if not articles:
        raise ArticleError(f"{source}: holds no text; give a file with an article in it")
    return articles


READERS: dict[str, Reader] = {
    ".txt": read_text,
    ".md": read_text,
    ".html": read_html,
    ".htm": read_html,
    ".jsonl": read_jsonl,
}


def reader_of(content: str) -> Reader:
    """Choose the reader of content that has no file name by how it begins."""
    start = content.lstrip()[:200].lower()
    if start.startswith("{"):
        return read_jsonl
    return read_html if re.match(r"<(!doctype|html|head|body|\?xml|!--)", start) else read_text


def article_id(source: str) -> str:
    """Return the id of the article at an address, the address, or in a file, the file's name without its suffix."""
    return source if re.match(r"https?://", source) else Path(source).stem
