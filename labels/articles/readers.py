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

HEADLINE_LENGTH = 200
Reader = Callable[[str, str], list[Article]]  # (content, source) → articles


def read_text(content: str, source: str) -> list[Article]:
    """Plain text: one article; its title is the first line that is not boilerplate, if it has no full stop."""
    lines = [line.strip() for line in content.splitlines() if line.strip()]
    if not lines:
        raise ArticleError(f"{source}: holds no text; give a file with an article in it")
    first = next((line for line, is_known in zip(lines, find_boilerplate(lines), strict=True) if not is_known), "")
    date = re.search(r"\b(?:19|20)\d\d-[01]\d-[0-3]\d\b", first)
    is_headline = len(first) <= HEADLINE_LENGTH and len(first.split()) > 2 and not re.search(r"[.!?:;,][\"”’')]*$", first)
    title, published = first if is_headline else None, date.group() if date else None
    return [Article(id=stem(source), text=content, title=title, published=published)]


def read_html(content: str, source: str) -> list[Article]:
    """An HTML page: the main text as trafilatura finds it, headline first, with title, outlet and date of its metadata."""
    import trafilatura

    with silenced("trafilatura", "htmldate"):
        page: Any = trafilatura.bare_extraction(content, with_metadata=True, include_comments=False, include_tables=False)
    body = (page.text or "").strip() if page else ""
    if len(re.findall(r"\w+", body)) < 5:
        raise ArticleError(f"{source}: no article found in this HTML; save the page's text as a .txt file and read that")
    title = page.title or None
    if title and not body.startswith(title):
        body = f"{title}\n{body}"
    return [Article(stem(source), body, title, page.sitename or page.hostname, page.url, page.date)]


def read_jsonl(content: str, source: str) -> list[Article]:
    """JSONL: a line an article, an object with "text" and, if known, "id" and the fields of METADATA."""
    articles = []
    for number, row in json_rows(content, source):
        article = article_of(row, place := f"{source}:{number}")
        articles.append(replace(article, id=f"{stem(source)}:{number}") if article.id == place else article)
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
    """Return the reader for content without a file name."""
    start = content.lstrip()[:200].lower()
    if start.startswith("{"):
        return read_jsonl
    return read_html if re.match(r"<(!doctype|html|head|body|\?xml|!--)", start) else read_text


def stem(source: str) -> str:
    """Return what names the article of a file or an address."""
    return source if re.match(r"https?://", source) else Path(source).stem
