"""Fine-tune a sentence classifier on annotated articles.

python -m train configs/default.yaml
python -m train configs/default.yaml seed=7 training.learning_rate=5e-5 name=seed7
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labels.commands import DONE, add_verb, command, execute


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    parser = command(__doc__, "python -m train")
    _add_arguments(parser)
    return execute(parser, _run, arguments)


def add_to(verbs: Any) -> None:
    """Add `train` to the commands of `newsvoice`."""
    _add_arguments(add_verb(verbs, "train", _run, (__doc__ or "").replace("python -m train", "newsvoice train")))


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", type=Path, help="a YAML file, your own or one of configs/")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="values to change, for instance seed=7")
    parser.add_argument("--dry-run", action="store_true", help="print the filled config and stop")
    parser.add_argument("--fresh", action="store_true", help="train again even if this run is finished or interrupted")
    parser.add_argument(
        "--if-better",
        action="store_true",
        help="train on the split of the model that has this name, and replace that model only by a better one",
    )


def _run(arguments: argparse.Namespace) -> int:
    from train.config import load_config

    config = load_config(arguments.config, arguments.overrides)
    if arguments.dry_run:
        print(config.to_yaml(), end="")
        return DONE
    from torch import distributed

    from train.fit import IS_MAIN
    from train.run import train

    try:
        folder = train(config, fresh=arguments.fresh, if_better=arguments.if_better)
    except KeyboardInterrupt:
        print("the last finished epoch is kept; the same command goes on from there", file=sys.stderr)
        raise
    if IS_MAIN:
        print(folder)
    if distributed.is_initialized():
        distributed.destroy_process_group()  # otherwise its threads may outlive the interpreter and abort the process
    return DONE


if __name__ == "__main__":
    sys.exit(main())
