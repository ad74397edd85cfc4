"""Serve a trained model: a page to paste an article into, and a JSON API.

    python -m models serve --model models/artifacts/real
    python -m models serve --label-studio --help             the model behind Label Studio's page instead

POST /v1/tag takes articles as JSON, {"articles": [{"text" or "html", "id"?, "title"?, "outlet"?, "url"?, "published"?}]},
or one as text/plain or text/html, and answers what --format json writes. GET /v1/model, /health, /metrics (Prometheus),
/openapi.json. The server answers this machine only, unless --host says otherwise; it logs no text; it fetches no address,
unless allowed, and then none of a private network. Needs the optional group: pip install -e '.[serve]'
"""

import argparse
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from labels.errors import DONE, ConfigError, exit_code
from models import DEFAULT_MODEL


def main(arguments: Sequence[str]) -> int:
    if "--label-studio" in arguments:
        from models.backend import main as serve_label_studio

        return serve_label_studio([argument for argument in arguments if argument != "--label-studio"])
    parser = argparse.ArgumentParser(
        prog="python -m models serve", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL, metavar="DIR")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--allow-fetch", action="store_true", help="let the page name an address to fetch the article from")
    parser.add_argument("--max-body", type=int, default=2_000_000, metavar="BYTES", help="of a request (default: %(default)s)")
    parser.add_argument(
        "--max-waiting", type=int, default=20_000, metavar="N", help="sentences that may wait at once (default: %(default)s)"
    )
    parser.add_argument(
        "--max-requests", type=int, default=64, metavar="N", help="of one client at once (default: %(default)s)"
    )
    given = parser.parse_args(arguments)
    return exit_code(lambda: _serve(given))


def _serve(given: argparse.Namespace) -> int:
    try:
        import uvicorn

        from models.web import Limits, make_app
    except ImportError as error:
        raise ConfigError(f"{error}; it is in an optional group: pip install -e '.[serve]'") from error
    from models.artefact import model_version
    from models.tagger import Tagger

    limits, version = Limits(given.max_body, given.max_waiting, given.max_requests), model_version(given.model)
    app = make_app(Tagger.load(given.model), version, limits, allow_fetch=given.allow_fetch)
    try:
        listening = socket.create_server((given.host, given.port))
    except OSError as error:
        raise ConfigError(f"{given.host}:{given.port} cannot be listened at: {error.strerror}; name another --port") from error
    print(f"serving {version} at http://{given.host}:{given.port}", file=sys.stderr, flush=True)
    # An address that a client claims in a header does not count: limits are by the address it has.
    uvicorn.Server(uvicorn.Config(app, log_level="warning", proxy_headers=False)).run(sockets=[listening])
    return DONE
