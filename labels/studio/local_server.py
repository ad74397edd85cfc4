"""Run a Label Studio server on this machine: `start(data, port)`, `stop(data)`, `credentials(data)`.

The first start installs the server in an environment of its own in the user's cache folder: a gigabyte, some minutes. Data, log
and credentials are in the folder .studio, which is not in version control; they stay when the server stops.
"""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
import venv
from pathlib import Path
from typing import TYPE_CHECKING

from labels.errors import StudioError
from labels.files import write_whole, writing
from labels.studio.server import KEY, URL

if TYPE_CHECKING:
    import psutil

VERSION = "1.23.2"
DATA, PORT = Path(".studio"), 8080
PATIENCE = 300  # seconds for a start; the first one prepares the database
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "newsvoice" / f"label-studio-{VERSION}"
PROGRAMS = CACHE / ("Scripts" if os.name == "nt" else "bin")


def credentials(data: Path = DATA) -> dict[str, str]:
    """Return address, token, e-mail and password of the server on that data folder; empty if none was ever started."""
    path = data / "credentials.json"
    if not path.is_file():
        return {}
    stored: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return stored


def start(data: Path, port: int) -> dict[str, str]:
    """Start a server on a data folder, unless it runs already, wait until it answers, and return its credentials.

    Raises:
        StudioError: it cannot be installed, the port is taken, or it does not start; the message names the log.
    """
    stored = credentials(data)
    if stored and _process(data) and _answers(stored[URL]):
        return stored
    install()
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise StudioError(f"port {port} is taken; stop what runs there, or choose another (--port)")
    with writing(data):
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = {"email": "admin@example.com", "password": secrets.token_urlsafe(12), KEY: secrets.token_hex(20)}
    server = new | stored | {URL: f"http://127.0.0.1:{port}"}
    write_whole(data / "credentials.json", json.dumps(server, indent=1) + "\n")
    log = data / "server.log"
    command = [str(PROGRAMS / "label-studio"), "start", "--no-browser", "--internal-host", "127.0.0.1", "--port", str(port)]
    with log.open("ab") as file:
        process = subprocess.Popen(command, env=_environment(data, server), stdout=file, stderr=file, start_new_session=True)
    write_whole(data / "server.pid", str(process.pid))
    print("starting Label Studio; the first start takes a minute or two", file=sys.stderr)
    deadline = time.monotonic() + PATIENCE
    while not _answers(server[URL]):
        if process.poll() is not None or time.monotonic() > deadline:
            stop(data)
            raise StudioError(f"Label Studio did not start; read {log}, then start it again (newsvoice studio start)")
        time.sleep(0.5)
    process.returncode = 0  # the server goes on when this process ends; this silences a warning about that
    return server


def stop(data: Path) -> bool:
    """Stop the server on that data folder and the processes that it started; return whether one was running."""
    import psutil

    server = _process(data)
    (data / "server.pid").unlink(missing_ok=True)
    if server is None:
        return False
    processes = [*server.children(recursive=True), server]
    for process in processes:
        process.terminate()
    _, alive = psutil.wait_procs(processes, timeout=10)
    for process in alive:
        process.kill()
    psutil.wait_procs(alive, timeout=10)
    return True


def install() -> None:
    """Install the server, unless it is installed already."""
    ready = CACHE / ".ready"
    if ready.is_file():
        return
    print(f"installing Label Studio {VERSION} in {CACHE}: a gigabyte, some minutes", file=sys.stderr)
    with writing(CACHE):
        venv.create(CACHE, clear=True, with_pip=True)
    pip = [str(PROGRAMS / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    result = subprocess.run([*pip, "install", f"label-studio=={VERSION}"], check=False)
    if result.returncode:
        raise StudioError(f"Label Studio {VERSION} could not be installed in {CACHE}; see above, and try again")
    ready.touch()


def _process(data: Path) -> "psutil.Process | None":
    """Return the process of the server on that data folder, if it runs; another process may have its old number now."""
    import psutil

    try:
        process = psutil.Process(int((data / "server.pid").read_text()))
        is_server = process.status() != psutil.STATUS_ZOMBIE and any("label-studio" in word for word in process.cmdline())
        return process if is_server else None
    except (OSError, ValueError, psutil.Error):
        return None


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def _environment(data: Path, server: dict[str, str]) -> dict[str, str]:
    """Return the environment variables of the server: its data in `data`, one user, no calls to other machines."""
    home = str((data / "home").resolve())
    return {key: value for key, value in os.environ.items() if not key.startswith("LABEL_STUDIO")} | {
        "HOME": home,
        "XDG_CONFIG_HOME": f"{home}/config",
        "XDG_DATA_HOME": f"{home}/data",
        "XDG_CACHE_HOME": f"{home}/cache",
        "LABEL_STUDIO_BASE_DATA_DIR": str((data / "data").resolve()),
        "LABEL_STUDIO_USERNAME": server["email"],
        "LABEL_STUDIO_PASSWORD": server["password"],
        "LABEL_STUDIO_USER_TOKEN": server[KEY],
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
        "COLLECT_ANALYTICS": "false",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
        "LATEST_VERSION_CHECK": "false",
        "SSRF_PROTECTION_ENABLED": "false",  # a model served on this machine is called by the server
        "ML_BLOCK_LOCAL_IP": "false",
    }
