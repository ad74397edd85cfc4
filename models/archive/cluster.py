"""Tag the shards of an archive on a Ray cluster, through Ray Data: `ray_engine(model)`.

A shard is a task of one core; a process keeps the model from one task to the next. If it or its node dies, the shard is given
to another, which goes on behind the parts that are written.
"""

import pickle
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labels.articles.archive import Shard
from labels.errors import ArtifactError, ConfigError, UserError
from labels.silence import silenced
from models.archive.shards import Part, tag_shard
from models.artifact import model_version

if TYPE_CHECKING:
    from models.tagger import Tagger

RETRIES = 20  # of a shard whose process or node died


def ray_engine(model: Path) -> Callable[[Iterable[Shard], Path, int], Iterator[Part]]:
    """Return a function that tags shards on all cores of the cluster; the parts of a shard come when it is done.

    Raises:
        ConfigError: Ray is not installed; when called, that the cluster cannot be reached, or failed.
        ArtifactError: there is no such model.
    """
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ConfigError(f"--engine ray needs Ray ({error.name} is missing): pip install 'newsvoice[ray]'") from error
    version = model_version(model)

    def tag(shards: Iterable[Shard], out: Path, articles: int) -> Iterator[Part]:
        try:
            ray.init(log_to_driver=False, logging_level="error", include_dashboard=False)
        except (OSError, RuntimeError, ValueError) as error:
            raise ConfigError(f"the Ray cluster cannot be reached: {_line(error)}; check RAY_ADDRESS") from error
        try:
            ray.data.DataContext.get_current().enable_progress_bars = False
            planned = [{"shard": pickle.dumps(replace(shard, base=Path.cwd()))} for shard in shards]
            work = partial(_tag, model.resolve(), version, out.resolve(), articles)
            data = ray.data.from_items(planned, override_num_blocks=max(1, len(planned)))
            with silenced("ray.data"):  # what it says of a failure is said below, in a line
                for row in data.map_batches(work, batch_size=1, num_cpus=1, max_retries=RETRIES).iter_rows():
                    yield Part(**row)
        except ray.exceptions.RayError as error:
            cause = getattr(error, "cause", None)
            if isinstance(cause, UserError):
                raise cause from None
            raise ConfigError(f"the Ray cluster failed: {_line(cause or error)}; the same command goes on from here") from error
        finally:
            ray.shutdown()

    return tag


def _tag(model: Path, version: str, out: Path, articles: int, batch: dict[str, Any]) -> Iterator[dict[str, list[Any]]]:
    for shard in map(pickle.loads, batch["shard"]):
        for part in tag_shard(shard, out, _tagger(model, version), articles):
            yield {name: [value] for name, value in asdict(part).items()}


@cache
def _tagger(model: Path, version: str) -> "Tagger":
    from models.tagger import Tagger

    if model_version(model) != version:
        raise ArtifactError(f"{model}: is not {version} on every node; give all of them the same folder")
    return Tagger.load(model)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
