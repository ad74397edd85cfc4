"""Measure how fast the server answers: one client, and many clients at once.

    python -m scripts.bench.server --model models/artifacts/real-int8 [ARTICLES]

Starts `python -m models serve` and sends it requests over HTTP. Measured are the time from its start to the first answer, an
article of forty sentences by itself, and articles from 200 clients at once, five times over. A client that is refused tries
again after the time that the answer names. The result is written to docs/measured/server.json, which docs/archives.md shows.
Exit code 1 if an answer is missing or wrong. Needs the optional groups: pip install 'newsvoice[serve,studio]'
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

from labels.articles import read_articles
from labels.commands import CHECK_FAILED, DONE, command, execute
from labels.errors import ConfigError
from labels.files import write_whole
from models import DEFAULT_MODEL
from scripts.tables import MEASURED, server_table
from train.memory import memory_mb

if TYPE_CHECKING:
    import httpx

LONG = 40  # sentences of the article that is tagged by itself
REPEATS = 21  # requests for that article
ROUNDS = 5  # articles that each client has tagged
ACCEPTED, REFUSED = 200, (429, 503)  # statuses
Expected = Sequence[tuple[str, Any]]  # texts of articles, with the sentences that the server should answer


@dataclass
class Answers:
    """What the clients got.

    Attributes:
        seconds: how long each waited, refusals included.
        statuses: number of answers with each HTTP status.
        wrong: answers that are lost, an error or not as expected.
    """

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: int = 0


def main() -> int:
    """Run the command line; return its exit code."""
    parser = command(__doc__)
    parser.add_argument(
        "articles", nargs="?", default="labels/samples", metavar="ARTICLES", help="as for newsvoice tag (default: %(default)s)"
    )
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL, metavar="DIR", help="default: %(default)s")
    parser.add_argument("--clients", type=int, default=200, metavar="N", help="default: %(default)s")
    return execute(parser, _run)


def _run(arguments: argparse.Namespace) -> int:
    import httpx

    from labels.articles import sentences_of
    from models.artifact import model_version
    from models.onnx.runtime import cores

    model, clients = arguments.model, arguments.clients
    articles = [(article.text, sentences_of(article)) for article in read_articles([arguments.articles])]
    long = [sentence.text for _, sentences in articles for sentence in sentences][:LONG]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "models", "serve", "--model", str(model), "--port", str(port)]
    measured: dict[str, Any] = {"model": model_version(model), "cores": cores(), "clients": clients}
    begin = time.monotonic()
    process = subprocess.Popen([*command, "--max-requests", str(clients)], stdout=subprocess.DEVNULL)
    try:
        measured["startup_seconds"] = _wait(url, process) - begin
        with httpx.Client(base_url=url, timeout=60) as client:
            measured |= {"long": len(long), "long_seconds": _time_alone(client, "\n".join(long))}
            expected = [(text, _tag(client, text)) for text, _ in articles]
        lengths = [len(sentences) for _, sentences in articles]
        measured |= _measure_load(url, process.pid, expected, lengths, clients)
    finally:
        process.terminate()
        process.wait(60)
    write_whole(MEASURED / "server.json", json.dumps(measured, indent=1) + "\n")
    print(server_table())
    return CHECK_FAILED if measured["wrong"] else DONE


def _measure_load(url: str, pid: int, expected: Expected, lengths: Sequence[int], clients: int) -> dict[str, Any]:
    """Let all clients have articles tagged at once, several times; `lengths` are numbers of sentences."""
    asyncio.run(_ask_at_once(url, expected, clients, Answers()))  # not measured: the server makes threads and buffers
    memory_before, answers = memory_mb(pid), Answers()
    begin = time.monotonic()
    for _ in range(ROUNDS):
        asyncio.run(_ask_at_once(url, expected, clients, answers))
    seconds = time.monotonic() - begin
    return {
        "articles": len(answers.seconds),
        "articles_per_second": len(answers.seconds) / seconds,
        "sentences_per_second": sum(lengths[number % len(lengths)] for number in range(clients)) * ROUNDS / seconds,
        "half_seconds": statistics.median(answers.seconds),
        "slowest_seconds": max(answers.seconds),
        "statuses": dict(sorted(answers.statuses.items())),
        "wrong": answers.wrong,
        "memory_mb": [memory_before, memory_mb(pid)],
    }


def _wait(url: str, process: "subprocess.Popen[bytes]") -> float:
    """Wait for the first answer of the server; return the time, by time.monotonic.

    Raises:
        ConfigError: the server ended before it answered.
    """
    import httpx

    while process.poll() is None:
        try:
            httpx.get(f"{url}/health")
            return time.monotonic()
        except httpx.TransportError:
            time.sleep(0.01)
    raise ConfigError(f"python -m models serve ended with {process.returncode} before it answered; run it by hand to see why")


def _tag(client: "httpx.Client", text: str) -> Any:
    """Return the sentences that the server answers for an article."""
    return client.post("/v1/tag", json={"articles": [{"text": text}]}).raise_for_status().json()[0]["sentences"]


def _time_alone(client: "httpx.Client", text: str) -> list[float]:
    """Have an article tagged several times, one request after the other; return the seconds of each, sorted."""
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        _tag(client, text)
        seconds.append(time.perf_counter() - start)
    return sorted(seconds)


async def _ask_at_once(url: str, expected: Expected, clients: int, answers: Answers) -> None:
    """Let every client have one article tagged, all at the same time; add what they get to `answers`."""
    import httpx

    async def ask(number: int) -> None:
        (text, sentences), start = expected[number % len(expected)], time.perf_counter()
        try:
            while True:
                answer = await client.post("/v1/tag", json={"articles": [{"id": str(number), "text": text}]})
                answers.statuses[answer.status_code] += 1
                if answer.status_code not in REFUSED:
                    break
                await asyncio.sleep(float(answer.headers["retry-after"]))
            [tagged] = answer.json() if answer.status_code == ACCEPTED else [{}]
            answers.wrong += (tagged.get("id"), tagged.get("sentences")) != (str(number), sentences)
        except httpx.TransportError:
            answers.wrong += 1
        answers.seconds.append(time.perf_counter() - start)

    async with httpx.AsyncClient(base_url=url, timeout=120, limits=httpx.Limits(max_connections=clients)) as client:
        await asyncio.gather(*map(ask, range(clients)))


if __name__ == "__main__":
    sys.exit(main())
