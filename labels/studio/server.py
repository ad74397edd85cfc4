"""The client of a Label Studio server: `Studio.connect(url, key)`, then create, push, pull, predict.

A request may fail after the server has done its work, so nothing is sent again without asking: `push` and `predict` ask which
rows the server has, send those that are missing, and after a time-out give the server time to finish. `pull` keeps the tasks as
the server sends them; labels are read from that file. This is the only module that imports label_studio_sdk.
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
from labels.errors import StudioError, StudioTimeoutError, one_line
from labels.files import write_whole, writing

URL, KEY = "LABEL_STUDIO_URL", "LABEL_STUDIO_API_KEY"  # environment variables that name a server
BATCH = 250  # tasks or predictions per request
PAGE = 1000  # tasks per page when reading
PATIENCE = 180  # seconds that a server may go on importing after a time-out
OVERLAP = timedelta(minutes=1)  # of two pulls: a change can be saved late, with an earlier time than one that was pulled
Progress = Callable[[int, int], None]
Suggestion = tuple[list[dict[str, Any]], float]  # result, score
_AGAIN = "run the same command again: nothing is added twice"


@dataclass(frozen=True)
class Studio:
    """A connection to one server. The errors of its methods are StudioErrors: one line that says what to do.

    Attributes:
        timeout: seconds, for one request.
    """

    client: Any
    url: str
    timeout: float = 120

    @classmethod
    def connect(cls, url: str, key: str, timeout: float = 120) -> "Studio":
        """Connect with a legacy or a personal access token.

        Raises:
            StudioError: the server does not answer, or it refuses the token.
        """
        from label_studio_sdk import LabelStudio

        studio = cls(None, url, timeout)
        with studio._requesting():
            studio = cls(LabelStudio(base_url=url, api_key=key, timeout=timeout), url, timeout)
            studio.client.users.whoami()
        return studio

    def create(self, title: str, view: str, instruction: str, annotators: int) -> int:
        """Create a project and return its number.

        Args:
            view: the labelling screen, as from `labels.studio.views`.
            instruction: the annotators' guide, as HTML.
            annotators: how many must answer a task before it is done.

        Raises:
            StudioError: there is a project of that title.
        """
        if title in self.projects().values():
            raise StudioError(f"{self.url}: has a project {title!r}; push to that one, or choose another title")
        with self._requesting():
            project = self.client.projects.create(
                title=title,
                label_config=view,
                expert_instruction=instruction,
                show_instruction=True,
                show_collab_predictions=True,
                maximum_annotations=annotators,
                request_options=self._without_retries,
            )
        return int(project.id)

    def projects(self) -> dict[int, str]:
        """Return the titles of the projects by number."""
        with self._requesting():
            return {int(project.id): str(project.title) for project in self.client.projects.list(page_size=PAGE)}

    def find(self, name: str) -> int:
        """Return the number of the project with that number or title."""
        projects = self.projects()
        matches = [number for number, title in projects.items() if name in (str(number), title)]
        if len(matches) == 1:
            return matches[0]
        fault = "more than one project" if matches else "no project"
        choice = ", ".join(f"{number} {title!r}" for number, title in sorted(projects.items())) or "none"
        raise StudioError(f"{self.url}: {fault} {name!r}; give the number of one (there: {choice})")

    def view(self, project: int) -> str:
        """Return the project's labelling screen as it is now."""
        with self._requesting(project):
            return str(self.client.projects.get(project).label_config)

    def push(self, project: int, tasks: Sequence[Mapping[str, Any]], progress: Progress | None = None) -> int:
        """Add the tasks whose uid the project does not have yet; return how many were added.

        Args:
            tasks: the data of each task, as from `labels.studio.tasks`.

        Raises:
            StudioError: the project has one of the articles with other words.
        """
        rows = {str(data["uid"]): {"data": data} for data in tasks}
        present_uids = self._unique_uids(project)
        digests = dict(map(_article_and_digest, present_uids))
        for name, digest in map(_article_and_digest, rows):
            if digests.get(name, digest) != digest:
                raise StudioError(f"project {project} holds article {name!r} with other words; give this one another name")

        def send(batch: list[Any]) -> None:
            self.client.projects.import_tasks(
                project, request=batch, return_task_ids=True, request_options=self._without_retries
            )

        added = self._add(project, rows, present_uids, lambda: self._unique_uids(project), send, progress)
        if added and self._task_count(project) != len(present_uids) + added:
            self._unique_uids(project)
        return added

    def predict(
        self, project: int, version: str, predictions: Mapping[str, Suggestion], progress: Progress | None = None
    ) -> int:
        """Add a model version's predictions to the tasks that lack them, and show them; return how many were added.

        Args:
            predictions: by uid of the task.
        """
        rows = {}
        for task in self.tasks(project):
            result, score = predictions.get(str(task["data"].get("uid")), ([], 0.0))
            if result:
                rows[task["id"]] = {"task": task["id"], "result": result, "score": score, "model_version": version}

        def predicted_tasks() -> set[int]:
            with self._requesting(project):
                listed = self.client.predictions.list(project=project)
                return {int(prediction.task) for prediction in listed if prediction.model_version == version}

        def send(batch: list[Any]) -> None:
            self.client.projects.import_predictions(project, request=batch, request_options=self._without_retries)

        added = self._add(project, rows, predicted_tasks(), predicted_tasks, send, progress)
        if lost := rows.keys() - predicted_tasks():  # the server drops a prediction that it refuses without an error
            raise StudioError(f"{self.url}: dropped {len(lost)} of {len(rows)} predictions; {_AGAIN}")
        if rows:
            with self._requesting(project):
                self.client.projects.update(project, model_version=version)
        return added

    def tasks(self, project: int, fields: str = "task_only", since: str = "") -> list[dict[str, Any]]:
        """Return the tasks of a project.

        Args:
            fields: task_only, or all for tasks with their annotations and predictions.
            since: only tasks that were changed after this time, in ISO format.
        """
        options: dict[str, str] = {}
        if since:
            changed = {"filter": "filter:tasks:updated_at", "operator": "greater", "type": "Datetime", "value": since}
            options["query"] = json.dumps({"filters": {"conjunction": "and", "items": [changed]}})
        if fields == "task_only":
            options["include"] = "id,data,total_annotations,cancelled_annotations"
        with self._requesting(project):
            listed = self.client.tasks.list(project=project, fields=fields, page_size=PAGE, **options)
            return [json.loads(task.json()) for task in listed]

    def pull(self, project: int, folder: Path) -> Path:
        """Bring the export of a project in `folder` up to date with the tasks that changed since; return its path.

        Tasks that were deleted on the server are deleted from the export, too. The file is written whole or not at all.
        """
        with self._requesting(project):
            created = self.client.projects.get(project).created_at
        path = folder / f"{project}-{created:%Y%m%dT%H%M%S}.jsonl"  # a new server uses the same project numbers again
        tasks = {task["id"]: task for _, task in json_rows(read_utf8(path), str(path))} if path.exists() else {}
        newest = max((task["updated_at"] for task in tasks.values()), default="")
        since = f"{datetime.fromisoformat(newest) - OVERLAP:%Y-%m-%dT%H:%M:%S.%fZ}" if newest else ""
        tasks |= {task["id"]: task for task in self.tasks(project, "all", since)}
        if self._task_count(project) != len(tasks):
            with self._requesting(project):
                listed = self.client.tasks.list(project=project, fields="task_only", include="id", page_size=PAGE)
                present = {int(task.id) for task in listed}
            if present - tasks.keys():  # a task deleted while pages are read moves the others, and one may be skipped
                tasks |= {task["id"]: task for task in self.tasks(project, "all")}
            tasks = {number: tasks[number] for number in present & tasks.keys()}
        lines = [json.dumps(tasks[number], ensure_ascii=False) + "\n" for number in sorted(tasks)]
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
        list_present: Callable[[], set[Any]],
        send: Callable[[list[Any]], None],
        progress: Progress | None,
    ) -> int:
        """Send the rows whose key is not present, in batches; return how many. After a time-out, wait until they are."""
        missing = [key for key in rows if key not in present]
        for first in range(0, len(missing), BATCH):
            batch = missing[first : first + BATCH]
            try:
                with self._requesting(project):
                    send([rows[key] for key in batch])
            except StudioTimeoutError:
                deadline = time.monotonic() + PATIENCE
                while not list_present().issuperset(batch):
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(3)
            if progress:
                progress(min(first + BATCH, len(missing)), len(missing))
        return len(missing)

    def _task_count(self, project: int) -> int:
        with self._requesting(project):
            return int(self.client.projects.get(project).task_number)

    def _unique_uids(self, project: int) -> set[str]:
        """Return the uids of the tasks; delete tasks that were sent twice and that nobody has answered."""
        uids: set[str] = set()
        for task in sorted(self.tasks(project), key=lambda task: (-_answer_count(task), task["id"])):
            uid = task["data"].get("uid")
            if uid in uids and not _answer_count(task):
                with self._requesting():
                    self.client.tasks.delete(str(task["id"]))
            elif uid:
                uids.add(str(uid))
        return uids

    @property
    def _without_retries(self) -> dict[str, Any]:
        """Options of a request that must not be sent twice: the SDK would repeat it, and the server would add rows again."""
        return {"max_retries": 0, "timeout": self.timeout}

    @contextmanager
    def _requesting(self, project: int | None = None) -> Iterator[None]:
        """Turn the errors of requests in the block into a StudioError that says what to do."""
        import httpx
        from label_studio_sdk.core.api_error import ApiError

        try:
            yield
        except (httpx.ConnectError, httpx.UnsupportedProtocol) as error:
            remedy = f"start one (newsvoice studio start) or set {URL}; {_AGAIN}"
            raise StudioError(f"{self.url}: no Label Studio answers there ({error}); {remedy}") from error
        except httpx.HTTPError as error:
            raise StudioTimeoutError(f"{self.url}: broke off ({str(error) or 'no answer in time'}); {_AGAIN}") from error
        except ApiError as error:
            if error.status_code in (502, 503, 504):
                raise StudioTimeoutError(f"{self.url}: answered {error.status_code}; {_AGAIN}") from error
            raise StudioError(f"{self.url}: {_reason(error, project)}") from error


def _article_and_digest(uid: str) -> tuple[str, str]:
    """Return the name of the article in a task's uid, and the hash of its text."""
    name, _, place = uid.rpartition("@")
    return name, place.partition(":")[0]


def _answer_count(task: Mapping[str, Any]) -> int:
    return int(task["total_annotations"] or 0) + int(task["cancelled_annotations"] or 0)


def _reason(error: Any, project: int | None) -> str:
    """Return what an ApiError of the SDK means, and what to do."""
    if error.status_code in (401, 403):
        return f"does not take this token; copy yours from the page (Account & Settings) and set {KEY}"
    if error.status_code == 404 and project is not None:
        return f"project {project} is gone; create one (newsvoice studio create) and push to that"
    body = error.body if isinstance(error.body, dict) else {"detail": error.body}
    detail = body.get("validation_errors") or body.get("detail") or body or "nothing more; the token may have expired"
    return f"answered {error.status_code}: {one_line(detail)}"
