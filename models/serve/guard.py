"""Refuse requests that must not reach a server: `Guard(app, hosts, credentials)` wraps an application.

A web page in somebody's browser can send requests to a server on the same machine, from the page's own origin, or under a name
that was pointed at the loopback address after the page had loaded (DNS rebinding). Both are refused: `Host` must be a numeric
address or a name that the server was started with, and an `Origin`, which browsers send and programs do not, must be the
server's own.
"""

import base64
import ipaddress
import secrets
import socket
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

ASK_FOR_PASSWORD = {"WWW-Authenticate": 'Basic realm="newsvoice"'}


class Guard:
    """Refuses requests of other origins with 403, for unknown hosts with 421, without the right password with 401.

    Attributes:
        hosts: names under which clients may reach the server, besides numeric addresses and localhost.
        credentials: "user:password" for basic authentication; if empty, no password is asked for.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str] = (), credentials: str = "") -> None:
        self.app, self.credentials = app, credentials.encode()
        self.hosts = {"localhost", *(host.lower() for host in hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(Headers(scope=scope)) if scope["type"] == "http" else None
        await (refusal or self.app)(scope, receive, send)

    def _refusal(self, headers: Headers) -> PlainTextResponse | None:
        host, origin = headers.get("host", ""), headers.get("origin")
        name = _host_name(host)
        if name not in self.hosts and not _is_address(name):
            return PlainTextResponse(f"this server does not answer to the name {name!r}; start it with --allow-host\n", 421)
        if origin is not None and origin.partition("://")[2].lower() != host.lower():
            return PlainTextResponse("requests from pages of other sites are refused\n", 403)
        if self.credentials and not self._is_authorized(headers.get("authorization", "")):
            return PlainTextResponse("name and password are needed\n", 401, ASK_FOR_PASSWORD)
        return None

    def _is_authorized(self, authorization: str) -> bool:
        kind, _, encoded = authorization.partition(" ")
        try:
            credentials = base64.b64decode(encoded, validate=True)
        except ValueError:
            return False
        return kind.lower() == "basic" and secrets.compare_digest(credentials, self.credentials)


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach a server that listens at `host`."""
    try:
        addresses = [str(info[4][0]) for info in socket.getaddrinfo(host or "0.0.0.0", None)]
        return all(ipaddress.ip_address(address).is_loopback for address in addresses)
    except (OSError, ValueError):
        return False


def _host_name(host: str) -> str:
    """Return the name or address of a Host header, without port and brackets, in lower case."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
