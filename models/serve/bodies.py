"""Read what clients send, JSON, text, HTML or a form, within limits of size and time: `read_body`, `read_form`."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Self
from urllib.parse import parse_qsl

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from starlette.formparsers import MultiPartException, MultiPartParser

from labels.articles import Article, metadata
from labels.articles.article import article_of, encodable
from labels.articles.decoding import decode
from labels.articles.fetch import fetch
from labels.articles.readers import read_html, read_text
from models.serve.batcher import RefusedError

BODY_SECONDS = 30  # for a client to send its body
FETCHES = 4  # pages that are fetched at the same time

ArticleReader = Callable[[], Article]  # called in a thread, since parsing a page takes time


class ArticleIn(BaseModel):
    """One article: its text, or the HTML of its page; metadata that are sent replace those of the page."""

    model_config = ConfigDict(extra="forbid")
    text: str | None = None
    html: str | None = None
    id: str | None = None
    title: str | None = None
    outlet: str | None = None
    url: str | None = None
    published: str | None = None

    @model_validator(mode="after")
    def _either_text_or_html(self) -> Self:
        if (self.text is None) == (self.html is None):
            raise ValueError("give either text or html")
        return self

    def read(self, place: str) -> Article:
        """Return the article; without an id, `place` names it.

        Raises:
            ArticleError: the text or the page holds no article.
        """
        fields = {name: encodable(value) for name, value in self.model_dump().items() if value}
        if self.html is not None:
            [page] = read_html(fields.pop("html", ""), place)
            page_fields = {"text": page.text} | metadata(page)
            fields = {name: value for name, value in page_fields.items() if value} | fields
        return article_of({"id": place} | fields, place)


class ArticlesIn(BaseModel):
    """The articles to tag."""

    model_config = ConfigDict(extra="forbid")
    articles: list[ArticleIn] = Field(min_length=1, max_length=1000)


class SentenceOut(BaseModel):
    """A sentence of the article's text, from `start` to `end`, and what the model says of it."""

    index: int
    start: int
    end: int
    text: str
    label: str
    probability: float
    probabilities: dict[str, float]
    abstained: bool


class ArticleOut(BaseModel):
    """A tagged article."""

    id: str
    text: str
    title: str | None
    outlet: str | None
    url: str | None
    published: str | None
    counts: dict[str, int]
    sentences: list[SentenceOut]


@dataclass(frozen=True, slots=True)
class Form:
    """What somebody has filled in on the page: a text, a file, or the address of a page.

    Attributes:
        filename, content: name and bytes of the file.
    """

    text: str = ""
    url: str = ""
    filename: str = ""
    content: bytes = b""


class PageFetcher:
    """Fetches pages that clients name, from public addresses only.

    It has threads of its own, so that a slow page does not delay clients who send a text.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(FETCHES)
        self._free_threads = asyncio.Semaphore(FETCHES)

    async def fetch(self, url: str, limit: int) -> str:
        """Return the HTML of a page of at most `limit` bytes.

        Raises:
            RefusedError: too many pages are being fetched already.
            ArticleError: the page cannot be fetched, or its address is not public.
        """
        if self._free_threads.locked():
            raise RefusedError(503, "Too many pages are being fetched; try again.", retry=5)
        async with self._free_threads:
            work = partial(fetch, url, limit, public_only=True)
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def close(self) -> None:
        """End the threads; those that still fetch a page end when it is there or its time is up."""
        self._threads.shutdown(wait=False, cancel_futures=True)


async def read_body(request: Request, limit: int) -> list[ArticleReader]:
    """Return the articles of a JSON, text or HTML body of at most `limit` bytes.

    Raises:
        RefusedError: the body is too large, too slow, broken, or of another type.
    """
    kind = _kind(request)
    if kind not in ("application/json", "text/plain", "text/html"):
        raise RefusedError(415, "send application/json, text/plain or text/html")
    body = await _body(request, limit)
    if kind != "application/json":
        return [partial(_read_file, body, is_page=kind == "text/html")]
    try:
        articles = ArticlesIn.model_validate_json(body).articles
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        status = 400 if first["type"] == "json_invalid" else 422
        raise RefusedError(status, f"{'.'.join(map(str, first['loc'])) or 'body'}: {first['msg']}") from error
    return [partial(article.read, f"article {number}") for number, article in enumerate(articles, start=1)]


async def read_form(request: Request, limit: int) -> Form:
    """Return what somebody has filled in on the page, a form of at most `limit` bytes.

    Raises:
        RefusedError: the body is too large, too slow, or not that form.
    """
    body = await _body(request, limit)
    if _kind(request) == "application/x-www-form-urlencoded":
        fields = dict(parse_qsl(body.decode("utf-8", "replace")))
        return Form(encodable(fields.get("text", "")), encodable(fields.get("url", "")))
    try:
        parser = MultiPartParser(request.headers, _one_chunk(body), max_files=1, max_fields=5, max_part_size=limit)
        parts = await parser.parse()
    except (MultiPartException, ValueError, LookupError) as error:
        raise RefusedError(400, "this is not the page's form") from error
    texts: dict[str, str] = {}
    filename, content = "", b""
    for name, part in parts.multi_items():
        if isinstance(part, str):
            texts[name] = encodable(part)
        else:
            filename, content = part.filename or "", await part.read()
    await parts.close()
    return Form(texts.get("text", "").strip(), texts.get("url", "").strip(), filename, content)


async def article_of_form(form: Form, fetcher: PageFetcher | None, limit: int) -> ArticleReader:
    """Return the article of a form: its file, without a file its text, without a text the page at its address.

    Args:
        fetcher: fetches the page; None if the server fetches no pages.
        limit: bytes of the page.

    Raises:
        RefusedError: the form is empty, or the server fetches no pages, or too many already.
        ArticleError: the page cannot be fetched.
    """
    if form.content:
        return partial(_read_file, form.content, is_page=form.filename.lower().endswith((".html", ".htm")))
    if form.text:
        return partial(_read_file, form.text.encode())
    if not form.url:
        raise RefusedError(422, "Paste the text of an article, or choose a file.")
    if fetcher is None:
        raise RefusedError(403, "This server fetches no pages; paste the text.")
    page = await fetcher.fetch(form.url, limit)
    return partial(ArticleIn(html=page, url=form.url).read, "the page")


def _read_file(content: bytes, *, is_page: bool = False) -> Article:
    """Return the one article of a text or HTML file."""
    read = read_html if is_page else read_text
    [article] = read(encodable(decode(content, "the article")), "article")
    return article


async def _body(request: Request, limit: int) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise RefusedError(413, f"more than {limit} bytes; send less at once")
    except TimeoutError as error:
        raise RefusedError(408, f"the body took more than {BODY_SECONDS} seconds") from error
    return bytes(body)


async def _one_chunk(body: bytes) -> AsyncGenerator[bytes, None]:
    """Yield a body as the stream that MultiPartParser takes."""
    yield body


def _kind(request: Request) -> str:
    """Return the content type without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
