"""Serve a trained model: a page to paste an article into, and a JSON API.

    newsvoice serve --model models/artifacts/real
    newsvoice serve --label-studio --model models/artifacts/real     an ML backend for Label Studio instead

POST /v1/tag takes articles as JSON, {"articles": [{"text" or "html", "id"?, "title"?, "outlet"?, "url"?, "published"?}]},
or one article as text/plain or text/html; the answer is what --format json writes. There are also GET /v1/model, /health,
/metrics (Prometheus) and /openapi.json. Only this machine can reach the server, unless --host names another address. The server
logs no text of articles. It fetches pages only with --allow-fetch, and never from a private network. Needs the optional group:
pip install 'newsvoice[serve]'

With --label-studio it is an ML backend, which Label Studio's server calls: it suggests labels when a task is opened, and is
told what annotators do. If NEWSVOICE_CREDENTIALS=USER:PASSWORD is set, clients must send that name and password (basic
authentication; Label Studio takes them from the address, http://USER:PASSWORD@HOST:9090). It must be set if --host lets other
machines in.
"""

import argparse
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labels.commands import DONE, add_verb
from labels.errors import ConfigError
from models import DEFAULT_MODEL

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from models.serve.backend import BackgroundTrainer

CREDENTIALS = "NEWSVOICE_CREDENTIALS"  # environment variable
PORT, STUDIO_PORT = 8000, 9090
MakeTrainer = Callable[[argparse.Namespace], "BackgroundTrainer | None"]


def add_to(verbs: Any, make_trainer: MakeTrainer | None = None) -> argparse.ArgumentParser:
    """Add `serve` to the commands of the command line; return its parser.

    Args:
        make_trainer: makes, from the arguments, what trains with --label-studio; without it, nothing is trained.
    """

    def run(arguments: argparse.Namespace) -> int:
        return _run(arguments, make_trainer)

    parser = add_verb(verbs, "serve", run, __doc__)
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL, metavar="DIR")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default: %(default)s)")
    parser.add_argument("--port", type=int, help=f"default: {PORT}, with --label-studio {STUDIO_PORT}")
    parser.add_argument(
        "--allow-host", action="append", default=[], metavar="NAME", help="another name under which clients reach the server"
    )
    page = parser.add_argument_group("the page and the JSON API")
    page.add_argument("--allow-fetch", action="store_true", help="let the page name an address to fetch the article from")
    page.add_argument("--max-body", type=int, default=2_000_000, metavar="BYTES", help="of one request (default: %(default)s)")
    page.add_argument(
        "--max-waiting", type=int, default=20_000, metavar="N", help="sentences that may wait at once (default: %(default)s)"
    )
    page.add_argument("--max-requests", type=int, default=64, metavar="N", help="of one client at once (default: %(default)s)")
    studio = parser.add_argument_group("ML backend for Label Studio")
    studio.add_argument("--label-studio", action="store_true", help="serve this instead")
    return parser


def _run(arguments: argparse.Namespace, make_trainer: MakeTrainer | None) -> int:
    import uvicorn

    from models.serve.guard import Guard, is_loopback

    is_backend, credentials = arguments.label_studio, os.environ.get(CREDENTIALS, "")
    if is_backend and not credentials and not is_loopback(arguments.host):
        raise ConfigError(f"--host {arguments.host} lets other machines in; set {CREDENTIALS}=USER:PASSWORD")
    port = arguments.port
    if port is None:
        port = STUDIO_PORT if is_backend else PORT
    listening = _listen(arguments.host, port)
    trainer = make_trainer(arguments) if make_trainer and is_backend else None
    app, version = _backend_app(arguments.model, trainer) if is_backend else _page_app(arguments)
    guarded = Guard(app, [arguments.host, socket.gethostname(), *arguments.allow_host], credentials)
    print(f"serving {version} at http://{arguments.host}:{port}", file=sys.stderr, flush=True)
    try:
        # proxy_headers=False: limits count requests by a client's real address, not by one that it writes in a header.
        uvicorn.Server(uvicorn.Config(guarded, log_level="warning", proxy_headers=False)).run(sockets=[listening])
    finally:
        if trainer:
            trainer.stop()
    return DONE


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"cannot listen at {host}:{port}: {reason}; name another --port") from error


def _page_app(arguments: argparse.Namespace) -> "tuple[ASGIApp, str]":
    """Return the application of the page and the JSON API, and the model's version."""
    from models.artifact import model_version
    from models.serve.web import Limits, make_page_app
    from models.tagger import Tagger

    limits = Limits(arguments.max_body, arguments.max_waiting, arguments.max_requests)
    version = model_version(arguments.model)
    return make_page_app(Tagger.load(arguments.model), version, limits, allow_fetch=arguments.allow_fetch), version


def _backend_app(model: Path, trainer: "BackgroundTrainer | None") -> "tuple[ASGIApp, str]":
    """Return the application of the ML backend, and the model's version."""
    from models.serve.backend import Backend, make_backend_app

    backend = Backend(model, trainer)
    return make_backend_app(backend), backend.version
