"""The reading page and the JSON API as a web application: `make_app(tagger, version, limits)`.

Requests that come together are tagged together. What is too much is refused at once (413, 429, 503 with Retry-After); what was
taken on is answered. Articles are shown by models.page alone, whose policy lets no text of theirs run.
"""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
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

from labels.articles.article import Split
from labels.articles.splitting import sentences_of
from labels.errors import ArticleError
from models.formats.page import form_page, policy, to_html
from models.formats.tables import to_json
from models.serve.batcher import Batcher, RefusedError
from models.serve.bodies import ArticleOut, ArticlesIn, Form, Reading, article_of_form, read_body, read_form

if TYPE_CHECKING:
    from models.tagger import TaggedArticle, Tagger

ANSWER_SECONDS = 600  # for a client to take its answer
PATHS = ("/", "/v1/tag", "/v1/model", "/health", "/metrics", "/openapi.json")  # others are counted as one
PAGE = "<article><p>The bridge closed on Monday.</p><p>“We saw it coming,” the mayor said.</p></article>"
EXAMPLE = {"articles": [{"text": "The bridge closed on Monday. “We saw it coming,” the mayor said."}]}
BODIES = {
    "required": True,
    "content": {
        "application/json": {"schema": {"$ref": "#/components/schemas/ArticlesIn"}, "example": EXAMPLE},
        "text/plain": {"schema": {"type": "string"}, "example": "The bridge closed on Monday."},
        "text/html": {"schema": {"type": "string"}, "example": PAGE},
    },
}
REFUSALS = {
    400: "The body is broken.",
    408: "The body came too slowly.",
    413: "The body is too large.",
    415: "The body is neither JSON nor text nor HTML.",
    422: "A field is wrong, or an article has no sentence.",
    429: "Too many requests of this client at once.",
    503: "Too much waits already.",
}
_DETAIL = {"type": "object", "properties": {"detail": {"type": "string"}}, "required": ["detail"]}
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"model": list[ArticleOut], "description": "The articles, tagged."},
    **{n: {"description": said, "content": {"application/json": {"schema": _DETAIL}}} for n, said in REFUSALS.items()},
}


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is taken on: bytes of a body, sentences that wait, requests at once, of one client and of all."""

    body: int = 2_000_000
    waiting: int = 20_000
    requests: int = 64
    all_requests: int = 256


class Metrics:
    """What /metrics tells."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Total("newsvoice_requests", "Requests answered", ["path", "status"], registry=self.registry)
        self.sentences = Total("newsvoice_sentences", "Sentences tagged", registry=self.registry)
        self.seconds = Histogram("newsvoice_seconds", "Seconds to an answer", ["path"], registry=self.registry)


class Guard:
    """Counts requests, refuses what is too much at once, lets no fault speak, and says what browsers may do with an answer."""

    def __init__(self, app: ASGIApp, metrics: Metrics, limits: Limits) -> None:
        self.app, self.metrics, self.limits = app, metrics, limits
        self.active = Counter[str]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, client, status = time.perf_counter(), (scope.get("client") or ("",))[0], 0

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
            await send(message)

        refusal = self._refusal(client)
        self.active[client] += 1
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await (refusal or self.app)(scope, receive, send_on)
        except (ClientDisconnect, TimeoutError):
            status = status or 499
        except Exception as error:
            print(f"{scope['path']}: {type(error).__name__}", file=sys.stderr, flush=True)  # its words may be an article's
            if not status:
                await JSONResponse({"detail": "this went wrong on our side"}, 500)(scope, receive, send_on)
        finally:
            self.active[client] -= 1
            if not self.active[client]:
                del self.active[client]
            path = scope["path"] if scope["path"] in PATHS else "other"
            self.metrics.requests.labels(path, str(status)).inc()
            self.metrics.seconds.labels(path).observe(time.perf_counter() - start)

    def _refusal(self, client: str) -> Response | None:
        if self.active[client] >= self.limits.requests:
            return _refusal(RefusedError(429, "too many requests of yours at once; try again", retry=1))
        if self.active.total() >= self.limits.all_requests:
            return _refusal(RefusedError(503, "too many requests at once; try again", retry=1))
        return None


def make_app(tagger: "Tagger", version: str, limits: Limits, *, allow_fetch: bool = False) -> FastAPI:
    """Return the web application."""
    batcher, metrics = Batcher(tagger, limits.waiting), Metrics()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        worker = asyncio.create_task(batcher.run())
        yield
        worker.cancel()
        with suppress(asyncio.CancelledError):
            await worker

    app = FastAPI(title="newsvoice", version=version, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.add_middleware(Guard, metrics=metrics, limits=limits)

    @app.exception_handler(RefusedError)
    async def refused(_: Request, error: RefusedError) -> Response:
        return _refusal(error)

    async def tag(readings: list[Reading]) -> "list[TaggedArticle]":
        tagged = await batcher.tag(await asyncio.to_thread(_split, readings))
        metrics.sentences.inc(sum(len(article.sentences) for article in tagged))
        return tagged

    @app.get("/", include_in_schema=False)
    async def form() -> Response:
        return _page(form_page(tagger.scheme, allow_fetch=allow_fetch), policy(tagger.scheme, forms=True))

    @app.post("/", include_in_schema=False)
    async def read(request: Request) -> Response:
        given = Form()
        try:
            given = await read_form(request, limits.body)
            tagged = await tag([await article_of_form(given, limits.body, allow_fetch=allow_fetch)])
            return _page(await asyncio.to_thread(to_html, tagged), policy(tagger.scheme))
        except (ArticleError, RefusedError) as error:
            refusal = error if isinstance(error, RefusedError) else RefusedError(422, str(error))
        page = form_page(tagger.scheme, allow_fetch=allow_fetch, fault=refusal.detail, text=given.text, url=given.url)
        return _page(page, policy(tagger.scheme, forms=True), refusal)

    @app.post("/v1/tag", openapi_extra={"requestBody": BODIES}, responses=ANSWERS, response_class=JSONResponse)
    async def tag_articles(request: Request) -> Response:
        """Tag the sentences of articles."""
        readings = await read_body(request, limits.body)
        try:
            tagged = await tag(readings)
        except ArticleError as error:
            raise RefusedError(422, str(error)) from error
        return Response(await asyncio.to_thread(to_json, tagged, indent=None), media_type="application/json")

    @app.get("/v1/model")
    async def model() -> dict[str, Any]:
        """Tell which model answers, and what its labels mean."""
        keys = ("name", "title", "definition", "examples", "colour", "article_text")
        labels = [{key: getattr(label, key) for key in keys} for label in tagger.scheme.labels]
        return {"version": version, "scheme": tagger.scheme.name, "labels": labels}

    @app.get("/health")
    async def health() -> dict[str, str]:
        """Say that the server answers."""
        return {"status": "ok", "version": version}

    @app.get("/metrics", response_class=PlainTextResponse)
    async def measured() -> Response:
        """Return counts and times in Prometheus's format."""
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    _describe(app)
    return app


def _split(readings: Sequence[Reading]) -> list[Split]:
    """Read and split articles.

    Raises:
        ArticleError: one of them has no sentence.
    """
    return [(article, sentences_of(article)) for article in (reading() for reading in readings)]


def _page(page: str, allowed: str, refusal: RefusedError | None = None) -> Response:
    headers = {"Content-Security-Policy": f"{allowed}; frame-ancestors 'none'"}
    return HTMLResponse(page, refusal.status if refusal else 200, headers | _retry(refusal))


def _refusal(error: RefusedError) -> Response:
    return JSONResponse({"detail": error.detail}, error.status, _retry(error))


def _retry(refusal: RefusedError | None) -> dict[str, str]:
    return {"Retry-After": str(refusal.retry)} if refusal and refusal.retry else {}


def _describe(app: FastAPI) -> None:
    """Add the bodies to the OpenAPI description: they are read by hand, for the limits' sake, so FastAPI does not see them."""
    plain = app.openapi

    def described() -> dict[str, Any]:
        found = plain()
        schemas = found.setdefault("components", {}).setdefault("schemas", {})
        whole = ArticlesIn.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(whole.pop("$defs"))
        schemas["ArticlesIn"] = whole
        return found

    app.openapi = described  # type: ignore[method-assign]
