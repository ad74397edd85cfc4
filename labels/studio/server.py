"""A Label Studio server: `Studio.connect(url, key)`, then create, push, pull, predict. The only importer of label_studio_sdk.

Nothing here trusts a request to have happened once: a push asks what is there, adds what is missing, and after a time-out gives
the server time to finish before anything is sent again. What comes back is kept as it came (`pull`); labels are read from that.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from labels.articles.decoding import json_rows, read_utf8
from labels.errors import StudioError, StudioTimeoutError
from labels.files import write_whole, writing

URL, KEY = "LABEL_STUDIO_URL", "LABEL_STUDIO_API_KEY"  # environment variables that name a server
BATCH = 250  # tasks or predictions a request
PAGE = 1000  # tasks a page when reading
PATIENCE = 180  # seconds a server may go on importing after it has stopped answering
OVERLAP = timedelta(minutes=1)  # read again at the next pull: a change may be stamped before one that was already seen
Progress = Callable[[int, int], None]
Prediction = tuple[list[dict[str, Any]], float]  # result, score
_AGAIN = "run the same command again: nothing is added twice"


@dataclass(frozen=True)
class Studio:
    """A connection to one server; `timeout` is in seconds, of one request."""

    client: Any
    url: str
    timeout: float = 120

    @classmethod
    def connect(cls, url: str, key: str, timeout: float = 120) -> "Studio":
        """Connect with a legacy or a personal access token.

        Raises:
            StudioError: the SDK is not installed, the server does not answer, or it does not know the token.
        """
        try:
            from label_studio_sdk import LabelStudio
        except ImportError as error:
            raise StudioError(f"{error}; it is in an optional group: pip install -e '.[studio]'") from error
        studio = cls(None, url, timeout)
        with studio._talking():
            studio = cls(LabelStudio(base_url=url, api_key=key, timeout=timeout), url, timeout)
            studio.client.users.whoami()
        return studio

    def create(self, title: str, view: str, instruction: str, annotators: int) -> int:
        """Create a project and return its number; a task is done when so many annotators have answered it.

        Raises:
            StudioError: as for all methods, in one line with what to do; or there is a project of that title.
        """
        if title in self.projects().values():
            raise StudioError(f"{self.url}: has a project {title!r}; push to that one, or choose another title")
        with self._talking():
            project = self.client.projects.create(
                title=title,
                label_config=view,
                expert_instruction=instruction,
                show_instruction=True,
                show_collab_predictions=True,
                maximum_annotations=annotators,
                request_options=self._once,
            )
        return int(project.id)

    def projects(self) -> dict[int, str]:
        """Return the titles of the projects by number."""
        with self._talking():
            return {int(p.id): str(p.title) for p in self.client.projects.list(page_size=PAGE)}

    def find(self, name: str) -> int:
        """Return the number of a project given by number or title."""
        known = self.projects()
        found = [number for number, title in known.items() if name in (str(number), title)]
        if len(found) == 1:
            return found[0]
        there = ", ".join(f"{number} {title!r}" for number, title in sorted(known.items())) or "none"
        what = "no project" if not found else "more than one project"
        raise StudioError(f"{self.url}: {what} {name!r}; give the number of one (there: {there})")

    def view(self, project: int) -> str:
        """Return the project's labelling screen as it is now."""
        with self._talking(project):
            return str(self.client.projects.get(project).label_config)

    def push(self, project: int, tasks: Sequence[Mapping[str, Any]], progress: Progress | None = None) -> int:
        """Add tasks, given their data, whose uid is not there; return how many were added.

        Raises:
            StudioError: the project holds one of the articles with other words.
        """
        rows = {str(data["uid"]): {"data": data} for data in tasks}
        there = self._single(project)
        words = dict(map(_article, there))
        for name, digest in map(_article, rows):
            if words.get(name, digest) != digest:
                raise StudioError(f"project {project} holds article {name!r} with other words; give this one another name")

        def send(batch: list[Any]) -> None:
            self.client.projects.import_tasks(project, request=batch, return_task_ids=True, request_options=self._once)

        added = self._add(project, rows, there, lambda: self._single(project), send, progress)
        if added and self._count(project) != len(there) + added:
            self._single(project)
        return added

    def predict(
        self, project: int, version: str, predictions: Mapping[str, Prediction], progress: Progress | None = None
    ) -> int:
        """Give tasks that lack it a model version's prediction, by uid, and show that version; return how many were added."""
        rows = {
            task["id"]: {"task": task["id"], "result": result, "score": score, "model_version": version}
            for task in self.tasks(project)
            for result, score in [predictions.get(str(task["data"].get("uid")), ([], 0.0))]
            if result
        }

        def there() -> set[int]:
            with self._talking(project):
                return {int(p.task) for p in self.client.predictions.list(project=project) if p.model_version == version}

        def send(batch: list[Any]) -> None:
            self.client.projects.import_predictions(project, request=batch, request_options=self._once)

        added = self._add(project, rows, there(), there, send, progress)
        if lost := rows.keys() - there():  # the server drops what it does not like without a word
            raise StudioError(f"{self.url}: dropped {len(lost)} of {len(rows)} predictions; {_AGAIN}")
        if rows:
            with self._talking(project):
                self.client.projects.update(project, model_version=version)
        return added

    def tasks(self, project: int, fields: str = "task_only", since: str = "") -> list[dict[str, Any]]:
        """Return the tasks of a project, with annotations if `fields` is all, if `since` only those changed after that time."""
        query = {"filter": "filter:tasks:updated_at", "operator": "greater", "type": "Datetime", "value": since}
        given = {"query": json.dumps({"filters": {"conjunction": "and", "items": [query]}})} if since else {}
        with self._talking(project):
            if fields == "task_only":
                given["include"] = "id,data,total_annotations,cancelled_annotations"
            found = self.client.tasks.list(project=project, fields=fields, page_size=PAGE, **given)
            return [json.loads(task.json()) for task in found]

    def pull(self, project: int, folder: Path) -> Path:
        """Bring the project's export in `folder` up to date, fetching what has changed since; return its path.

        Tasks deleted on the server go from the export too. The file is there whole, or as it was.
        """
        with self._talking(project):
            created = self.client.projects.get(project).created_at
        path = folder / f"{project}-{created:%Y%m%dT%H%M%S}.jsonl"  # numbers are given anew on a new server
        known = {task["id"]: task for _, task in json_rows(read_utf8(path), str(path))} if path.exists() else {}
        newest = max((task["updated_at"] for task in known.values()), default="")
        since = f"{datetime.fromisoformat(newest) - OVERLAP:%Y-%m-%dT%H:%M:%S.%fZ}" if newest else ""
        known |= {task["id"]: task for task in self.tasks(project, "all", since)}
        if self._count(project) != len(known):
            with self._talking(project):
                listed = self.client.tasks.list(project=project, fields="task_only", include="id", page_size=PAGE)
                present = {int(task.id) for task in listed}
            if present - known.keys():  # what is deleted meanwhile moves the pages, and a task may slip between two
                known |= {task["id"]: task for task in self.tasks(project, "all")}
            known = {number: known[number] for number in present & known.keys()}
        lines = [json.dumps(known[number], ensure_ascii=False) + "\n" for number in sorted(known)]
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        if lines:
            write_whole(path, "".join(lines))
        else:
            path.unlink(missing_ok=True)
        return path

    def _add(
        self,
        project: int,
        rows: Mapping[Any, Any],
        present: set[Any],
        there: Callable[[], set[Any]],
        send: Callable[[list[Any]], None],
        progress: Progress | None,
    ) -> int:
        """Send the rows whose key is not present, in batches; return how many. What is not answered is waited for."""
        missing = [key for key in rows if key not in present]
        for first in range(0, len(missing), BATCH):
            batch = missing[first : first + BATCH]
            try:
                with self._talking(project):
                    send([rows[key] for key in batch])
            except StudioTimeoutError:
                end = time.monotonic() + PATIENCE
                while not there().issuperset(batch):
                    if time.monotonic() > end:
                        raise
                    time.sleep(3)
            if progress:
                progress(min(first + BATCH, len(missing)), len(missing))
        return len(missing)

    def _count(self, project: int) -> int:
        with self._talking(project):
            return int(self.client.projects.get(project).task_number)

    def _single(self, project: int) -> set[str]:
        """Return the uids of the tasks; those that were sent twice and that nobody has answered are deleted."""
        uids: set[str] = set()

        def answers(task: dict[str, Any]) -> int:
            return int(task["total_annotations"] or 0) + int(task["cancelled_annotations"] or 0)

        for task in sorted(self.tasks(project), key=lambda task: (-answers(task), task["id"])):
            uid = task["data"].get("uid")
            if uid in uids and not answers(task):
                with self._talking():
                    self.client.tasks.delete(str(task["id"]))
            elif uid:
                uids.add(str(uid))
        return uids

    @property
    def _once(self) -> dict[str, Any]:
        """Options of a request that must not be sent twice: the SDK would repeat a POST, and the server do it again."""
        return {"max_retries": 0, "timeout": self.timeout}

    @contextmanager
    def _talking(self, project: int | None = None) -> Iterator[None]:
        """Turn what a request may raise into a StudioError that says what to do."""
        import httpx
        from label_studio_sdk.core.api_error import ApiError

        try:
            yield
        except (httpx.ConnectError, httpx.UnsupportedProtocol) as error:
            remedy = f"start one (make studio) or set {URL}; {_AGAIN}"
            raise StudioError(f"{self.url}: no Label Studio answers there ({error}); {remedy}") from error
        except httpx.HTTPError as error:
            raise StudioTimeoutError(f"{self.url}: broke off ({str(error) or 'no answer in time'}); {_AGAIN}") from error
        except ApiError as error:
            if error.status_code in (502, 503, 504):
                raise StudioTimeoutError(f"{self.url}: answered {error.status_code}; {_AGAIN}") from error
            raise StudioError(f"{self.url}: {_reason(error, project)}") from error


def _article(uid: str) -> tuple[str, str]:
    """Return the article that a task's uid names, and the hash of its words."""
    name, _, place = uid.rpartition("@")
    return name, place.partition(":")[0]


def _reason(error: Any, project: int | None) -> str:
    if error.status_code in (401, 403):
        return f"does not take this token; copy yours from the page (Account & Settings) and set {KEY}"
    if error.status_code == 404 and project is not None:
        return f"project {project} is gone; create one (newsvoice studio create) and push to that"
    body = error.body if isinstance(error.body, dict) else {"detail": error.body}
    said = body.get("validation_errors") or body.get("detail") or body or "nothing more; the token may have expired"
    return f"answered {error.status_code}: {' '.join(str(said).split())[:300]}"
