"""Tag requests that come at the same time together: `Batcher(tagger, limit).tag(articles)`."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from labels.articles import Split

if TYPE_CHECKING:
    from models.tagger import TaggedArticle, Tagger

    Answer = asyncio.Future[list[TaggedArticle]]

BATCH_SENTENCES = 1000  # about so many are tagged together


class RefusedError(Exception):
    """A request is refused.

    Attributes:
        status: HTTP status of the answer.
        detail: the reason, for the client.
        retry: seconds after which the client may try again, if that helps.
    """

    def __init__(self, status: int, detail: str, retry: int | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.retry = status, detail, retry


@dataclass
class Batcher:
    """Tags waiting requests in one thread, one batch after the other.

    Attributes:
        limit: sentences that may wait.
        waiting: sentences that were accepted and are not answered yet.
    """

    tagger: "Tagger"
    limit: int
    waiting: int = 0
    _jobs: "asyncio.Queue[tuple[list[Split], Answer]]" = field(default_factory=asyncio.Queue)
    _thread: ThreadPoolExecutor = field(default_factory=partial(ThreadPoolExecutor, 1))  # one: torch keeps memory for each

    async def tag(self, articles: list[Split]) -> "list[TaggedArticle]":
        """Return the articles, tagged.

        Raises:
            RefusedError: these have too many sentences, or too many wait already.
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
        """Tag waiting requests until this task is cancelled."""
        while True:
            batch = [await self._jobs.get()]
            while not self._jobs.empty() and sum(_sentences(job) for job, _ in batch) < BATCH_SENTENCES:
                batch.append(self._jobs.get_nowait())
            try:
                await self._answer(batch)
            except Exception:  # one of the requests is the cause: tag each alone, so that only that one fails
                for job, answer in batch:
                    await self._answer_alone(job, answer)

    async def _answer(self, batch: "list[tuple[list[Split], Answer]]") -> None:
        articles = [article for job, _ in batch for article in job]
        tagged = await asyncio.get_running_loop().run_in_executor(self._thread, self.tagger.tag_split, articles)
        start = 0
        for job, answer in batch:
            stop = start + len(job)
            if not answer.done():
                answer.set_result(tagged[start:stop])
            start = stop

    async def _answer_alone(self, job: list[Split], answer: "Answer") -> None:
        try:
            await self._answer([(job, answer)])
        except Exception as error:
            if not answer.done():
                answer.set_exception(error)


def _sentences(articles: list[Split]) -> int:
    return sum(len(sentences) for _, sentences in articles)
