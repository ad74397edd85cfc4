"""The reading page and the JSON API as a web application: `make_page_app(tagger, version, limits)`.

Requests that come at the same time are tagged together. A request beyond the limits is refused at once (413, or 429 and 503
with Retry-After); one that was accepted is answered. Only models.formats.page makes HTML of articles; its content security
policy lets no script of theirs run.
"""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Histogram, generate_latest
from prometheus_client import Counter as Total
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from labels.articles import Split, sentences_of
from labels.errors import ArticleError
from labels.scheme import LabelScheme
from models.formats.page import form_page, policy, to_html
from models.formats.tables import to_json
from models.serve.batcher import Batcher, RefusedError
from models.serve.bodies import ArticleOut, ArticleReader, ArticlesIn, Form, PageFetcher, article_of_form, read_body, read_form

if TYPE_CHECKING:
    from models.tagger import TaggedArticle, Tagger

    Tag = Callable[[list[ArticleReader]], Awaitable[list[TaggedArticle]]]

ANSWER_SECONDS = 600  # from the beginning of a request until its answer is delivered
PATHS = ("/", "/v1/tag", "/v1/model", "/health", "/metrics", "/openapi.json")  # all other paths are counted as one
TEXT_EXAMPLE = "The bridge closed on Monday."
JSON_EXAMPLE = {"articles": [{"text": f"{TEXT_EXAMPLE} “We saw it coming,” the mayor said."}]}
HTML_EXAMPLE = f"<article><p>{TEXT_EXAMPLE}</p><p>“We saw it coming,” the mayor said.</p></article>"
BODIES = {
    "required": True,
    "content": {
        "application/json": {"schema": {"$ref": "#/components/schemas/ArticlesIn"}, "example": JSON_EXAMPLE},
        "text/plain": {"schema": {"type": "string"}, "example": TEXT_EXAMPLE},
        "text/html": {"schema": {"type": "string"}, "example": HTML_EXAMPLE},
    },
}
REFUSALS = {
    400: "The body is broken.",
    408: "The body came too slowly.",
    413: "The body is too large.",
    415: "The body is neither JSON nor text nor HTML.",
    422: "A field is wrong, or an article has no sentence.",
    429: "Too many requests of this client at once.",
    503: "Too many requests or sentences wait already.",
}
DETAIL = {"type": "object", "properties": {"detail": {"type": "string"}}, "required": ["detail"]}
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"model": list[ArticleOut], "description": "The articles, tagged."},
    **{
        status: {"description": description, "content": {"application/json": {"schema": DETAIL}}}
        for status, description in REFUSALS.items()
    },
}


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is accepted.

    Attributes:
        body: bytes of a request.
        waiting: sentences that wait.
        requests: requests of one client at once.
        all_requests: requests of all clients at once.
    """

    body: int = 2_000_000
    waiting: int = 20_000
    requests: int = 64
    all_requests: int = 256


class ServerMetrics:
    """What /metrics tells: answers and their times by path, and sentences."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Total("newsvoice_requests", "Requests answered", ["path", "status"], registry=self.registry)
        self.sentences = Total("newsvoice_sentences", "Sentences tagged", registry=self.registry)
        self.seconds = Histogram("newsvoice_seconds", "Seconds to an answer", ["path"], registry=self.registry)

    def count_answer(self, path: str, status: int, seconds: float) -> None:
        """Count an answer that took so many seconds."""
        path = path if path in PATHS else "other"
        self.requests.labels(path, str(status)).inc()
        self.seconds.labels(path).observe(seconds)


class Limiter:
    """Refuses requests beyond the limits, counts answers, adds security headers, and hides exception texts from clients."""

    def __init__(self, app: ASGIApp, metrics: ServerMetrics, limits: Limits) -> None:
        self.app, self.metrics, self.limits = app, metrics, limits
        self.active = Counter[str]()  # requests that are not answered yet, by client

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, client, status = time.perf_counter(), (scope.get("client") or ("",))[0], 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_security_headers(MutableHeaders(scope=message))
            await send(message)

        refusal = self._refusal(client)
        self.active[client] += 1
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await (refusal or self.app)(scope, receive, send_with_headers)
        except (ClientDisconnect, TimeoutError):
            status = status or 499  # the client is gone
        except Exception as error:
            print(f"{scope['path']}: {type(error).__name__}", file=sys.stderr, flush=True)  # its text may quote an article
            if not status:
                await JSONResponse({"detail": "this went wrong on our side"}, 500)(scope, receive, send_with_headers)
        finally:
            self.active[client] -= 1
            if not self.active[client]:
                del self.active[client]
            self.metrics.count_answer(scope["path"], status, time.perf_counter() - start)

    def _refusal(self, client: str) -> Response | None:
        if self.active[client] >= self.limits.requests:
            return _refusal_response(RefusedError(429, "too many requests of yours at once; try again", retry=1))
        if self.active.total() >= self.limits.all_requests:
            return _refusal_response(RefusedError(503, "too many requests at once; try again", retry=1))
        return None


def make_page_app(tagger: "Tagger", version: str, limits: Limits, *, allow_fetch: bool = False) -> FastAPI:
    """Return the web application.

    Args:
        version: of the model, as `model_version` gives it.
        allow_fetch: whether the page may name an address to fetch an article from.
    """
    batcher, metrics = Batcher(tagger, limits.waiting), ServerMetrics()
    fetcher = PageFetcher() if allow_fetch else None

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        worker = asyncio.create_task(batcher.run())
        yield
        worker.cancel()
        with suppress(asyncio.CancelledError):
            await worker
        if fetcher:
            fetcher.close()

    app = FastAPI(title="newsvoice", version=version, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.add_middleware(Limiter, metrics=metrics, limits=limits)

    @app.exception_handler(RefusedError)
    async def refuse(_: Request, error: RefusedError) -> Response:
        return _refusal_response(error)

    async def tag(readers: list[ArticleReader]) -> "list[TaggedArticle]":
        tagged = await batcher.tag(await asyncio.to_thread(_read_and_split, readers))
        metrics.sentences.inc(sum(len(article.sentences) for article in tagged))
        return tagged

    _add_page(app, tag, tagger.scheme, fetcher, limits.body)
    _add_api(app, tag, tagger.scheme, limits.body)
    _add_status(app, metrics)
    _describe_bodies(app)
    return app


def _add_page(app: FastAPI, tag: "Tag", scheme: LabelScheme, fetcher: PageFetcher | None, max_body: int) -> None:
    """Add the page with the form, and the reading page that answers it."""
    allow_fetch = fetcher is not None

    @app.get("/", include_in_schema=False)
    async def show_form() -> Response:
        return _page_response(form_page(scheme, allow_fetch=allow_fetch), policy(scheme, forms=True))

    @app.post("/", include_in_schema=False)
    async def tag_form(request: Request) -> Response:
        form = Form()
        try:
            form = await read_form(request, max_body)
            tagged = await tag([await article_of_form(form, fetcher, max_body)])
            return _page_response(await asyncio.to_thread(to_html, tagged), policy(scheme))
        except ArticleError as error:
            refusal = RefusedError(422, str(error))
        except RefusedError as error:
            refusal = error
        page = form_page(scheme, allow_fetch=allow_fetch, fault=refusal.detail, text=form.text, url=form.url)
        return _page_response(page, policy(scheme, forms=True), refusal)


def _add_api(app: FastAPI, tag: "Tag", scheme: LabelScheme, max_body: int) -> None:
    """Add the JSON API; its docstrings and function names are in the OpenAPI description."""

    @app.post("/v1/tag", openapi_extra={"requestBody": BODIES}, responses=ANSWERS, response_class=JSONResponse)
    async def tag_articles(request: Request) -> Response:
        """Tag the sentences of articles."""
        readers = await read_body(request, max_body)
        try:
            tagged = await tag(readers)
        except ArticleError as error:
            raise RefusedError(422, str(error)) from error
        return Response(await asyncio.to_thread(to_json, tagged, indent=None), media_type="application/json")

    @app.get("/v1/model")
    async def model() -> dict[str, Any]:
        """Tell which model answers, and what its labels mean."""
        keys = ("name", "title", "definition", "examples", "colour", "article_text")
        labels = [{key: getattr(label, key) for key in keys} for label in scheme.labels]
        return {"version": app.version, "scheme": scheme.name, "labels": labels}


def _add_status(app: FastAPI, server_metrics: ServerMetrics) -> None:
    """Add what those who run the server ask for."""

    @app.get("/health")
    async def health() -> dict[str, str]:
        """Say that the server answers."""
        return {"status": "ok", "version": app.version}

    @app.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Return counts and times in Prometheus's format."""
        return Response(generate_latest(server_metrics.registry), media_type=CONTENT_TYPE_LATEST)


def _read_and_split(readers: Sequence[ArticleReader]) -> list[Split]:
    """Read articles and split them into sentences.

    Raises:
        ArticleError: one of them cannot be read or has no sentence.
    """
    return [(article, sentences_of(article)) for article in (read() for read in readers)]


def _page_response(page: str, content_policy: str, refusal: RefusedError | None = None) -> Response:
    headers = {"Content-Security-Policy": f"{content_policy}; frame-ancestors 'none'"}
    return HTMLResponse(page, refusal.status if refusal else 200, headers | _retry_header(refusal))


def _refusal_response(error: RefusedError) -> Response:
    return JSONResponse({"detail": error.detail}, error.status, _retry_header(error))


def _retry_header(refusal: RefusedError | None) -> dict[str, str]:
    return {"Retry-After": str(refusal.retry)} if refusal and refusal.retry else {}


def _add_security_headers(headers: MutableHeaders) -> None:
    headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"


def _describe_bodies(app: FastAPI) -> None:
    """Add the request bodies to the OpenAPI description: FastAPI does not know them, since `read_body` reads them itself."""
    describe = app.openapi

    def describe_with_bodies() -> dict[str, Any]:
        description = describe()
        schemas = description.setdefault("components", {}).setdefault("schemas", {})
        articles = ArticlesIn.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(articles.pop("$defs"))
        schemas["ArticlesIn"] = articles
        return description

    app.openapi = describe_with_bodies  # type: ignore[method-assign]
