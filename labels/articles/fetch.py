"""Fetch a page over the network, within limits of size and time: `fetch(url, limit)`.

With `public_only`, for servers that fetch pages for strangers, every address of a host must be public. A host is resolved once
and the connection goes to the address that was checked, so a host cannot change its address in between. Every redirect is
checked in the same way. The time limit holds for all of it, whatever the other side or the name service does.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from labels.errors import ArticleError

AGENT = "Mozilla/5.0 (compatible; article reader)"
SECONDS, REDIRECTS = 15.0, 5
PORTS = (80, 443, 8080, 8443)  # the only ones with public_only
_INTERNET = ipaddress.ip_network("2000::/3")  # all public addresses of IPv6
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # IPv4 addresses written as IPv6
_PLAIN = "/%:@!$&'()*+,;=~?"  # characters of an address that stay as they are


def fetch(url: str, limit: int, *, public_only: bool = False) -> str:
    """Return a page of at most `limit` bytes.

    Raises:
        ArticleError: there is no answer in time, no page, too large a page, or with `public_only` an address is not public.
    """
    deadline, original_url = time.monotonic() + SECONDS, url
    try:
        for _ in range(REDIRECTS + 1):
            status, location, body = _get(url, limit, deadline, public_only)
            if status == 200:
                return _decoded(body)
            if status not in (301, 302, 303, 307, 308) or not location:
                raise ValueError(f"answers {status}")
            url = urljoin(url, location)
        raise ValueError(f"redirects more than {REDIRECTS} times")
    except (OSError, http.client.HTTPException, ValueError) as error:
        is_late = time.monotonic() >= deadline
        reason = f"no answer within {SECONDS:.0f} seconds" if is_late else str(error) or type(error).__name__
        raise ArticleError(f"{original_url}: cannot be fetched: {reason}") from error


def address_of(host: str, port: int, deadline: float, *, public_only: bool) -> str:
    """Return an address of a host; with `public_only`, all of its addresses must be public.

    Raises:
        ValueError: an address is private, of this machine, of the local link, or reserved.
        TimeoutError: the host is not resolved by `deadline` (time.monotonic).
    """
    lookup: Future[list[tuple[Any, ...]]] = Future()

    def resolve() -> None:
        try:
            lookup.set_result(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except OSError as error:
            lookup.set_exception(error)

    threading.Thread(target=resolve, daemon=True).start()  # getaddrinfo takes no time limit
    addresses = [str(info[4][0]) for info in lookup.result(max(0.01, deadline - time.monotonic()))]
    if public_only and not all(_is_public(ipaddress.ip_address(address)) for address in addresses):
        raise ValueError(f"{host} is not a public address")
    return addresses[0]


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not address.is_multicast
    if address in _NAT64:
        return _is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    tunnelled = address.sixtofour or address.teredo
    return address in _INTERNET and address.is_global and not tunnelled


def _get(url: str, limit: int, deadline: float, public_only: bool) -> tuple[int, str | None, bytes]:
    """Send one request; return the status, the location of a redirect, and the body."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise ValueError("give an address that begins with http:// or https://")
    host = parts.hostname if parts.hostname.isascii() else parts.hostname.encode("idna").decode()
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if public_only and port not in PORTS:
        raise ValueError(f"port {port} is none of {', '.join(map(str, PORTS))}")
    connection = http.client.HTTPConnection(host, port)
    address = address_of(host, port, deadline, public_only=public_only)
    with _connected(address, port, deadline, host if parts.scheme == "https" else "") as connection.sock:
        path = quote(parts.path or "/", _PLAIN) + (f"?{quote(parts.query, _PLAIN)}" if parts.query else "")
        connection.request("GET", path, headers={"User-Agent": AGENT, "Accept-Encoding": "identity"})
        with connection.getresponse() as response:
            body = response.read(limit + 1) if response.status == 200 else b""
            if len(body) > limit:
                raise ValueError(f"is larger than {limit / 1e6:.0f} MB")
            if time.monotonic() >= deadline:
                raise TimeoutError  # the connection was cut, and the body with it
            return response.status, response.getheader("Location"), body


@contextmanager
def _connected(address: str, port: int, deadline: float, encrypted_for: str) -> Iterator[socket.socket]:
    """Yield a connection that is cut at the deadline, even if the other side still sends a byte now and then.

    Args:
        encrypted_for: name of the host that the certificate must be for; empty for a connection without encryption.
    """
    left = max(0.01, deadline - time.monotonic())
    sock = socket.create_connection((address, port), timeout=left)
    watched = sock.dup()

    def cut() -> None:
        with suppress(OSError):
            watched.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(left, cut)
    timer.start()
    try:
        if encrypted_for:
            sock = ssl.create_default_context().wrap_socket(sock, server_hostname=encrypted_for)
        yield sock
    finally:
        timer.cancel()
        timer.join()
        sock.close()
        watched.close()


def _decoded(body: bytes) -> str:
    """Unpack a page and decode it in the encoding that it declares or seems to have."""
    from trafilatura.utils import decode_file

    if not body.strip():
        raise ValueError("the page is empty")
    page: str = decode_file(body)
    return page
