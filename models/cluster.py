"""Tag the shards of an archive on a Ray cluster, through Ray Data: `ray_engine(model)`.

A shard is a task of one core; a process keeps the model from one task to the next. If it or its node dies, the shard is given
to another, which goes on behind the parts that are written.
"""

import logging
import os
import pickle
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labels.archive import Shard
from labels.errors import ConfigError, UserError
from models.archive import Part, tag_shard
from models.artefact import read_artefact

if TYPE_CHECKING:
    from models.tagger import Tagger

RETRIES = 20  # of a shard whose process or node died


def ray_engine(model: Path) -> Callable[[Iterable[Shard], Path, int], Iterator[Part]]:
    """Return a function that tags shards on all cores of the cluster; parts come as they are done.

    Raises:
        ConfigError: Ray is not installed; when called, that the cluster cannot be reached.
        ArtefactError: there is no such model.
    """
    try:
        import ray
    except ImportError as error:
        raise ConfigError(f"--engine ray needs Ray ({error.name} is missing): pip install -e '.[ray]'") from error
    read_artefact(model)

    def tag(shards: Iterable[Shard], out: Path, articles: int) -> Iterator[Part]:
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        try:
            ray.init(log_to_driver=False, logging_level="error", include_dashboard=False)
        except (OSError, RuntimeError, ValueError) as error:
            raise ConfigError(f"the Ray cluster cannot be reached: {' '.join(str(error).split())[:300]}") from error
        try:
            ray.data.DataContext.get_current().enable_progress_bars = False
            planned = [{"shard": pickle.dumps(shard)} for shard in shards]
            work = partial(_tag, folder=Path.cwd(), model=model, out=out, articles=articles)
            data = ray.data.from_items(planned, override_num_blocks=max(1, len(planned)))
            for row in data.map_batches(work, batch_size=1, num_cpus=1, max_retries=RETRIES).iter_rows():
                yield Part(**row)
        except ray.exceptions.RayTaskError as error:
            raise error.cause if isinstance(error.cause, UserError) else error from None
        finally:
            ray.shutdown()

    return tag


def _tag(batch: dict[str, Any], folder: Path, model: Path, out: Path, articles: int) -> Iterator[dict[str, list[Any]]]:
    os.chdir(folder)  # paths are those of the command
    for shard in batch["shard"]:
        for part in tag_shard(pickle.loads(shard), out, _tagger(model), articles):
            yield {name: [value] for name, value in asdict(part).items()}


@cache
def _tagger(model: Path) -> "Tagger":
    from models.tagger import Tagger

    return Tagger.load(model)
