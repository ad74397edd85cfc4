"""Tag requests that come together in one go: `Batcher(tagger, limit).tag(articles)`."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from labels.articles.article import Split

if TYPE_CHECKING:
    from models.tagger import TaggedArticle, Tagger

    Answer = asyncio.Future[list[TaggedArticle]]

BATCH_SENTENCES = 1000  # tagged at once


class RefusedError(Exception):
    """A request that is not answered, and why; `retry` is after how many seconds to ask again."""

    def __init__(self, status: int, detail: str, retry: int | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.retry = status, detail, retry


@dataclass
class Batcher:
    """Tags what waits, one batch after the other.

    Attributes:
        limit: sentences that may wait.
        waiting: sentences taken on and not answered yet.
    """

    tagger: "Tagger"
    limit: int
    waiting: int = 0
    _jobs: "asyncio.Queue[tuple[list[Split], Answer]]" = field(default_factory=asyncio.Queue)
    _thread: ThreadPoolExecutor = field(default_factory=partial(ThreadPoolExecutor, 1))  # torch keeps memory for each thread

    async def tag(self, articles: list[Split]) -> "list[TaggedArticle]":
        """Return the articles, tagged.

        Raises:
            RefusedError: these are too many, or too much waits already.
        """
        size = _sentences(articles)
        if size > self.limit:
            raise RefusedError(413, f"more than {self.limit} sentences; send less at once")
        if self.waiting + size > self.limit:
            raise RefusedError(503, "too much waits already; try again", retry=1 + self.waiting // BATCH_SENTENCES)
        answer: Answer = asyncio.get_running_loop().create_future()
        self.waiting += size
        try:
            self._jobs.put_nowait((articles, answer))
            return await answer
        finally:
            self.waiting -= size

    async def run(self) -> None:
        """Tag for ever."""
        while True:
            batch = [await self._jobs.get()]
            while not self._jobs.empty() and sum(_sentences(job) for job, _ in batch) < BATCH_SENTENCES:
                batch.append(self._jobs.get_nowait())
            try:
                await self._answer(batch)
            except Exception:  # one of them is at fault; the others need not know
                for job, answer in batch:
                    try:
                        await self._answer([(job, answer)])
                    except Exception as error:
                        if not answer.done():
                            answer.set_exception(error)

    async def _answer(self, batch: "list[tuple[list[Split], Answer]]") -> None:
        articles = [article for job, _ in batch for article in job]
        tagged = await asyncio.get_running_loop().run_in_executor(self._thread, self.tagger.tag_split, articles)
        for job, answer in batch:
            found, tagged = tagged[: len(job)], tagged[len(job) :]
            if not answer.done():
                answer.set_result(found)


def _sentences(articles: list[Split]) -> int:
    return sum(len(sentences) for _, sentences in articles)
