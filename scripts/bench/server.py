"""How soon the server answers: alone, and with many clients at once.

    python -m scripts.bench_server --model models/artifacts/real-int8 [ARTICLES]

Starts `python -m models serve` and asks it over HTTP: from its start to the first answer, an article of forty sentences by
itself, then articles from 200 clients at once, over and over. A client that is refused comes again when the answer says.
Kept in scripts/measured/server.json, which docs/archives.md shows. Exit code 1 if an answer is missing or wrong. Needs the
optional groups serve and studio (httpx).
"""

import argparse
import asyncio
import json
import socket
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labels.articles.sources import read_articles
from labels.commands import CHECK_FAILED, DONE, command, execute
from labels.errors import ConfigError
from labels.files import write_whole
from models import DEFAULT_MODEL
from scripts.tables import MEASURED, server_table
from train.memory import memory_mb

if TYPE_CHECKING:
    import httpx

LONG = 40  # sentences of the article that is tagged by itself
ALONE, ROUNDS = 21, 5
ACCEPTED, REFUSED = 200, (429, 503)


@dataclass
class Load:
    """What the clients saw."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: int = 0


def main() -> int:
    parser = command(__doc__)
    parser.add_argument(
        "articles", nargs="?", default="labels/samples", metavar="ARTICLES", help="what `python -m models` reads"
    )
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL, metavar="DIR")
    parser.add_argument("--clients", type=int, default=200, metavar="N")
    return execute(parser, _run)


def _run(arguments: argparse.Namespace) -> int:
    source, model, clients = arguments.articles, arguments.model, arguments.clients
    import httpx

    from labels.articles.splitting import sentences_of
    from models.artifact import model_version
    from models.onnx.runtime import cores

    split = [(article.text, sentences_of(article)) for article in read_articles([source])]
    long = [sentence.text for _, sentences in split for sentence in sentences][:LONG]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "models", "serve", "--model", str(model), "--port", str(port)]
    begin = time.monotonic()
    process = subprocess.Popen([*command, "--max-requests", str(clients)], stdout=subprocess.DEVNULL)
    try:
        found: dict[str, Any] = {"model": model_version(model), "cores": cores(), "clients": clients}
        url = f"http://127.0.0.1:{port}"
        found["startup_seconds"] = _wait(url, process) - begin
        with httpx.Client(base_url=url, timeout=60) as client:
            found["long"], found["long_seconds"] = len(long), _ask_alone(client, "\n".join(long))
            expected = [(text, _tag(client, text)) for text, _ in split]
        asyncio.run(_crowd(url, expected, clients, Load()))  # the first round makes threads and buffers
        before, load = memory_mb(process.pid), Load()
        begin = time.monotonic()
        for _ in range(ROUNDS):
            asyncio.run(_crowd(url, expected, clients, load))
        passed = time.monotonic() - begin
        found |= {
            "articles": len(load.seconds),
            "articles_per_second": len(load.seconds) / passed,
            "sentences_per_second": sum(len(split[n % len(split)][1]) for n in range(clients)) * ROUNDS / passed,
            "half_seconds": statistics.median(load.seconds),
            "slowest_seconds": max(load.seconds),
            "statuses": dict(sorted(load.statuses.items())),
            "wrong": load.wrong,
            "memory_mb": [before, memory_mb(process.pid)],
        }
    finally:
        process.terminate()
        process.wait(60)
    write_whole(MEASURED / "server.json", json.dumps(found, indent=1) + "\n")
    print(server_table())
    return CHECK_FAILED if load.wrong else DONE


def _wait(url: str, process: "subprocess.Popen[bytes]") -> float:
    """Return when the server answered first."""
    import httpx

    while process.poll() is None:
        try:
            httpx.get(f"{url}/health")
            return time.monotonic()
        except httpx.TransportError:
            time.sleep(0.01)
    raise ConfigError(f"python -m models serve ended with {process.returncode} before it answered")


def _tag(client: "httpx.Client", text: str) -> Any:
    """Return the sentences that the server answers for an article, with nobody else asking."""
    return client.post("/v1/tag", json={"articles": [{"text": text}]}).raise_for_status().json()[0]["sentences"]


def _ask_alone(client: "httpx.Client", text: str) -> list[float]:
    """Return the seconds that each of some requests took, one after the other, sorted."""
    seconds = []
    for _ in range(ALONE):
        start = time.perf_counter()
        _tag(client, text)
        seconds.append(time.perf_counter() - start)
    return sorted(seconds)


async def _crowd(url: str, expected: Sequence[tuple[str, Any]], clients: int, load: Load) -> None:
    """Let every client have one article tagged, all of them at once."""
    import httpx

    async def ask(number: int) -> None:
        (text, sentences), start = expected[number % len(expected)], time.perf_counter()
        try:
            while True:
                answer = await client.post("/v1/tag", json={"articles": [{"id": str(number), "text": text}]})
                load.statuses[answer.status_code] += 1
                if answer.status_code not in REFUSED:
                    break
                await asyncio.sleep(float(answer.headers["retry-after"]))
            [found] = answer.json() if answer.status_code == ACCEPTED else [{}]
            load.wrong += (found.get("id"), found.get("sentences")) != (str(number), sentences)
        except httpx.TransportError:
            load.wrong += 1
        load.seconds.append(time.perf_counter() - start)

    async with httpx.AsyncClient(base_url=url, timeout=120, limits=httpx.Limits(max_connections=clients)) as client:
        await asyncio.gather(*map(ask, range(clients)))


if __name__ == "__main__":
    sys.exit(main())
