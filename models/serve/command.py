"""Serve a trained model: a page to paste an article into, and a JSON API.

    newsvoice serve --model models/artifacts/real
    newsvoice serve --label-studio --model models/artifacts/real     the model behind Label Studio's page instead

POST /v1/tag takes articles as JSON, {"articles": [{"text" or "html", "id"?, "title"?, "outlet"?, "url"?, "published"?}]},
or one as text/plain or text/html, and answers what --format json writes. GET /v1/model, /health, /metrics (Prometheus),
/openapi.json. The server answers this machine only, unless --host says otherwise; it logs no text; it fetches no address,
unless allowed, and then none of a private network. Needs the optional group: pip install 'newsvoice[serve]'

With --label-studio it is an ML backend, as Label Studio's server calls it: it suggests labels when a task is opened, and hears
what annotators do. NEWSVOICE_CREDENTIALS=USER:PASSWORD asks for basic authentication, which Label Studio can send; it must be
set when --host lets other machines in.
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

    from models.serve.backend import Trainer

CREDENTIALS = "NEWSVOICE_CREDENTIALS"  # environment variable
PORT, STUDIO_PORT = 8000, 9090
MakeTrainer = Callable[[argparse.Namespace], "Trainer | None"]


def add_to(verbs: Any, make_trainer: MakeTrainer | None = None) -> argparse.ArgumentParser:
    """Add the command to those of the command line.

    Args:
        make_trainer: what trains behind --label-studio, made from the arguments; without it, nothing is trained.
    """

    def run(arguments: argparse.Namespace) -> int:
        return _run(arguments, make_trainer)

    parser = add_verb(verbs, "serve", run, __doc__)
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL, metavar="DIR")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default: %(default)s)")
    parser.add_argument("--port", type=int, help=f"default: {PORT}, with --label-studio {STUDIO_PORT}")
    parser.add_argument(
        "--allow-host", action="append", default=[], metavar="NAME", help="a name that the server is reached under"
    )
    page = parser.add_argument_group("the page and the JSON API")
    page.add_argument("--allow-fetch", action="store_true", help="let the page name an address to fetch the article from")
    page.add_argument("--max-body", type=int, default=2_000_000, metavar="BYTES", help="of a request (default: %(default)s)")
    page.add_argument(
        "--max-waiting", type=int, default=20_000, metavar="N", help="sentences that may wait at once (default: %(default)s)"
    )
    page.add_argument("--max-requests", type=int, default=64, metavar="N", help="of one client at once (default: %(default)s)")
    studio = parser.add_argument_group("the model behind Label Studio's page")
    studio.add_argument("--label-studio", action="store_true", help="serve that instead")
    return parser


def _run(arguments: argparse.Namespace, make_trainer: MakeTrainer | None) -> int:
    try:
        import uvicorn

        from models.serve.guard import Guard, is_loopback
    except ImportError as error:
        raise ConfigError(f"{error}; it is in an optional group: pip install 'newsvoice[serve]'") from error
    credentials = os.environ.get(CREDENTIALS, "")
    if arguments.label_studio and not credentials and not is_loopback(arguments.host):
        raise ConfigError(f"--host {arguments.host} lets other machines in; set {CREDENTIALS}=USER:PASSWORD")
    port = arguments.port if arguments.port is not None else STUDIO_PORT if arguments.label_studio else PORT
    listening = _listen(arguments.host, port)
    trainer = make_trainer(arguments) if make_trainer and arguments.label_studio else None
    app, version = _backend(arguments.model, trainer) if arguments.label_studio else _page(arguments)
    guarded = Guard(app, [arguments.host, socket.gethostname(), *arguments.allow_host], credentials)
    print(f"serving {version} at http://{arguments.host}:{port}", file=sys.stderr, flush=True)
    try:
        # An address that a client claims in a header does not count: limits are by the address it has.
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
        raise ConfigError(f"{host}:{port} cannot be listened at: {reason}; name another --port") from error


def _page(arguments: argparse.Namespace) -> "tuple[ASGIApp, str]":
    """Return the page and the API as an application, and what they serve."""
    from models.artifact import model_version
    from models.serve.web import Limits, make_app
    from models.tagger import Tagger

    limits = Limits(arguments.max_body, arguments.max_waiting, arguments.max_requests)
    version = model_version(arguments.model)
    return make_app(Tagger.load(arguments.model), version, limits, allow_fetch=arguments.allow_fetch), version


def _backend(model: Path, trainer: "Trainer | None") -> "tuple[ASGIApp, str]":
    """Return Label Studio's backend as an application, and what it serves."""
    from models.serve.backend import Backend, make_app

    backend = Backend(model, trainer)
    return make_app(backend), backend.version
