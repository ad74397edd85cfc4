"""Who may ask a server: `Guard(app, hosts, password)` wraps an application.

A page in somebody's browser can send requests to a server on the same machine, under the page's own origin or under a name that
was pointed at the loopback address after the page had loaded (DNS rebinding). Both are refused: `Host` must be a numeric
address or a name that the server was started with, and an `Origin`, which browsers send and programs do not, must be its own.
"""

import base64
import ipaddress
import secrets
import socket
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

REALM = {"WWW-Authenticate": 'Basic realm="newsvoice"'}


class Guard:
    """Answers requests of other origins with 403, unknown hosts with 421, and a missing or wrong password with 401.

    Attributes:
        hosts: names beside numeric addresses and localhost under which the server may be asked for.
        credentials: "user:password" for basic authentication, or empty.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str] = (), credentials: str = "") -> None:
        self.app, self.credentials = app, credentials.encode()
        self.hosts = {"localhost", *(host.lower() for host in hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(Headers(scope=scope)) if scope["type"] == "http" else None
        await (refusal or self.app)(scope, receive, send)

    def _refusal(self, headers: Headers) -> PlainTextResponse | None:
        host, origin = headers.get("host", ""), headers.get("origin")
        name = _name(host)
        if name not in self.hosts and not _is_address(name):
            return PlainTextResponse(f"this server does not answer to the name {name!r}; start it with --allow-host\n", 421)
        if origin is not None and origin.partition("://")[2].lower() != host.lower():
            return PlainTextResponse("requests of other sites' pages are refused\n", 403)
        if self.credentials and not self._knows(headers.get("authorization", "")):
            return PlainTextResponse("name and password, please\n", 401, REALM)
        return None

    def _knows(self, authorization: str) -> bool:
        kind, _, encoded = authorization.partition(" ")
        try:
            sent = base64.b64decode(encoded, validate=True)
        except ValueError:
            return False
        return kind.lower() == "basic" and secrets.compare_digest(sent, self.credentials)


def is_loopback(host: str) -> bool:
    """Say whether only this machine can reach a server that listens at `host`."""
    try:
        return all(ipaddress.ip_address(str(info[4][0])).is_loopback for info in socket.getaddrinfo(host or "0.0.0.0", None))
    except (OSError, ValueError):
        return False


def _name(host: str) -> str:
    """Return a Host header without its port, brackets and letter case."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
