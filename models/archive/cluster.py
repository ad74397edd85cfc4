"""Tag the shards of an archive on a Ray cluster, with Ray Data: `ray_engine(model)`.

A shard is a task for one core; a process keeps the model from one task to the next. If the process or its node dies, another
process gets the shard and continues after the parts that are written already.
"""

import pickle
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labels.articles.archive import Shard
from labels.errors import ArtifactError, ConfigError, UserError, one_line
from labels.silence import silenced
from models.archive.shards import Part, tag_shard
from models.artifact import model_version

if TYPE_CHECKING:
    from models.tagger import Tagger

RETRIES = 20  # how often a shard is tried again after its process or node died


def ray_engine(model: Path) -> Callable[[Iterable[Shard], Path, int], Iterator[Part]]:
    """Return a function that tags shards on all cores of the cluster; it yields the parts of a shard when the shard is done.

    Raises:
        ConfigError: from the function, if the cluster cannot be reached or fails.
        ArtifactError: there is no such model.
    """
    import ray
    import ray.data

    version = model_version(model)

    def tag(shards: Iterable[Shard], out: Path, articles: int) -> Iterator[Part]:
        try:
            ray.init(log_to_driver=False, logging_level="error", include_dashboard=False)
        except (OSError, RuntimeError, ValueError) as error:
            raise ConfigError(f"the Ray cluster cannot be reached: {one_line(error)}; check RAY_ADDRESS") from error
        try:
            ray.data.DataContext.get_current().enable_progress_bars = False
            rows = [{"shard": pickle.dumps(replace(shard, base=Path.cwd()))} for shard in shards]
            work = partial(_tag_shards, model.resolve(), version, out.resolve(), articles)
            data = ray.data.from_items(rows, override_num_blocks=max(1, len(rows)))
            with silenced("ray.data"):  # a failure is reported below, in one line
                for part in data.map_batches(work, batch_size=1, num_cpus=1, max_retries=RETRIES).iter_rows():
                    yield Part(**part)
        except ray.exceptions.RayError as error:
            cause = getattr(error, "cause", None)
            if isinstance(cause, UserError):
                raise cause from None
            raise ConfigError(
                f"the Ray cluster failed: {one_line(cause or error)}; run the same command again to go on"
            ) from error
        finally:
            ray.shutdown()

    return tag


def _tag_shards(model: Path, version: str, out: Path, articles: int, batch: dict[str, Any]) -> Iterator[dict[str, list[Any]]]:
    """Tag the shards of a batch in a process of the cluster; yield their parts as Ray takes them, columns of one row."""
    for shard in map(pickle.loads, batch["shard"]):
        for part in tag_shard(shard, out, _tagger(model, version), articles):
            yield {name: [value] for name, value in asdict(part).items()}


@cache
def _tagger(model: Path, version: str) -> "Tagger":
    from models.tagger import Tagger

    if model_version(model) != version:
        raise ArtifactError(f"{model}: is not {version} on every node; put the same model there on all of them")
    return Tagger.load(model)
