"""The server that the user means: `connect()` → Studio."""

import os

from labels.errors import StudioError
from labels.studio.local_server import credentials
from labels.studio.server import KEY, URL, Studio


def connect(timeout: float = 120) -> Studio:
    """Connect to the server of the environment variables, or else to the one that was started on this machine.

    Args:
        timeout: seconds, for one request.

    Raises:
        StudioError: no server is known, or it does not let us in.
    """
    known = os.environ if URL in os.environ else credentials()  # address and token of one source: a token is a secret
    if not known.get(URL) or not known.get(KEY):
        raise StudioError(f"no Label Studio is known: start one (newsvoice studio start), or set both {URL} and {KEY}")
    return Studio.connect(known[URL].rstrip("/"), known[KEY], timeout)
