"""Connect to the user's Label Studio server: `connect()` → Studio."""

import os

from labels.errors import StudioError
from labels.studio.local_server import credentials
from labels.studio.server import KEY, URL, Studio


def connect(timeout: float = 120) -> Studio:
    """Connect to the server that the environment variables name, or else to the one that was started on this machine.

    Args:
        timeout: seconds, for one request.

    Raises:
        StudioError: no server is known, it does not answer, or it refuses the token.
    """
    # Address and token come from the same source: the token of one server must not be sent to another.
    settings = os.environ if URL in os.environ else credentials()
    if not settings.get(URL) or not settings.get(KEY):
        raise StudioError(f"no Label Studio is known: start one (newsvoice studio start), or set both {URL} and {KEY}")
    return Studio.connect(settings[URL].rstrip("/"), settings[KEY], timeout)
