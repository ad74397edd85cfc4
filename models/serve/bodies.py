"""What a client sends to be tagged: JSON, text, HTML or a form → readings of articles, within limits of size and time."""

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

from labels.articles.article import Article, article_of, encodable
from labels.articles.decoding import decode
from labels.articles.fetch import fetch
from labels.articles.readers import read_html, read_text
from models.serve.batcher import RefusedError

SECONDS = 30  # for a client to send what it has to say
FETCHES = 4  # pages that are fetched at once
_FETCHERS = ThreadPoolExecutor(FETCHES)  # of their own: a slow page holds up nobody who brings a text
_FETCHING = asyncio.Semaphore(FETCHES)

Reading = Callable[[], Article]  # it takes time, so it is done in a thread


class ArticleIn(BaseModel):
    """One article: its text, or the HTML of its page."""

    model_config = ConfigDict(extra="forbid")
    text: str | None = None
    html: str | None = None
    id: str | None = None
    title: str | None = None
    outlet: str | None = None
    url: str | None = None
    published: str | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.text is None) == (self.html is None):
            raise ValueError("give either text or html")
        return self

    def read(self, place: str) -> Article:
        """Return the article.

        Raises:
            ArticleError: there is none in it.
        """
        given = {key: encodable(value) for key, value in self.model_dump().items() if value}
        if self.html is not None:
            [found] = read_html(given.pop("html", ""), place)
            read = {key: getattr(found, key) for key in ("text", "title", "outlet", "url", "published")}
            given = {key: value for key, value in read.items() if value} | given
        return article_of({"id": place} | given, place)


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
    """What somebody has filled in: a text, a file, or the address of a page."""

    text: str = ""
    url: str = ""
    filename: str = ""
    content: bytes = b""


async def read_body(request: Request, limit: int) -> list[Reading]:
    """Return the articles of a JSON, text or HTML body.

    Raises:
        RefusedError: the body is too large, too slow, broken, or of another type.
    """
    kind = _kind(request)
    if kind not in ("application/json", "text/plain", "text/html"):
        raise RefusedError(415, "send application/json, text/plain or text/html")
    body = await _body(request, limit)
    if kind != "application/json":
        return [partial(_only, body, is_page=kind == "text/html")]
    try:
        articles = ArticlesIn.model_validate_json(body).articles
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        status = 400 if first["type"] == "json_invalid" else 422
        raise RefusedError(status, f"{'.'.join(map(str, first['loc'])) or 'body'}: {first['msg']}") from error
    return [partial(article.read, f"article {number}") for number, article in enumerate(articles, start=1)]


async def read_form(request: Request, limit: int) -> Form:
    """Return what somebody has filled in.

    Raises:
        RefusedError: it is too large, too slow, or no form.
    """
    body = await _body(request, limit)
    if _kind(request) == "application/x-www-form-urlencoded":
        fields = dict(parse_qsl(body.decode("utf-8", "replace")))
        return Form(encodable(fields.get("text", "")), encodable(fields.get("url", "")))
    try:
        form = await MultiPartParser(request.headers, _at_once(body), max_files=1, max_fields=5, max_part_size=limit).parse()
    except (MultiPartException, ValueError, LookupError) as error:
        raise RefusedError(400, "this is not the page's form") from error
    found = {key: encodable(value) for key, value in form.multi_items() if isinstance(value, str)}
    filename, content = "", b""
    for _, file in form.multi_items():
        if not isinstance(file, str):
            filename, content = file.filename or "", await file.read()
    await form.close()
    return Form(found.get("text", "").strip(), found.get("url", "").strip(), filename, content)


async def article_of_form(form: Form, limit: int, *, allow_fetch: bool) -> Reading:
    """Return the article of a form: of several that are given, the file, then the text, then the page.

    Raises:
        RefusedError: nothing is given, or an address, and the server does not fetch, or fetches too much already.
        ArticleError: the page cannot be fetched.
    """
    if form.content:
        return partial(_only, form.content, is_page=form.filename.lower().endswith((".html", ".htm")))
    if form.text:
        return partial(_only, form.text.encode())
    if not form.url:
        raise RefusedError(422, "Paste the text of an article, or choose a file.")
    if not allow_fetch:
        raise RefusedError(403, "This server fetches no pages; paste the text.")
    if _FETCHING.locked():
        raise RefusedError(503, "Too many pages are being fetched; try again.", retry=5)
    async with _FETCHING:
        page = await asyncio.get_running_loop().run_in_executor(_FETCHERS, fetch, form.url, limit)
    return partial(ArticleIn(html=page, url=form.url).read, "the page")


def _only(content: bytes, *, is_page: bool = False) -> Article:
    [article] = (read_html if is_page else read_text)(encodable(decode(content, "the article")), "article")
    return article


async def _body(request: Request, limit: int) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise RefusedError(413, f"more than {limit} bytes; send less at once")
    except TimeoutError as error:
        raise RefusedError(408, f"the body took more than {SECONDS} seconds") from error
    return bytes(body)


async def _at_once(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
