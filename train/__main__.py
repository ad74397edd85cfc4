"""Fine-tune a sentence classifier on annotated articles.

python -m train configs/default.yaml
python -m train configs/default.yaml seed=7 training.learning_rate=5e-5 name=seed7
"""

import argparse
import os
import sys
from pathlib import Path

from labels.errors import DONE, exit_code


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", type=Path, help="a YAML file of configs/")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="values to change, for instance seed=7")
    parser.add_argument("--dry-run", action="store_true", help="print the filled config and stop")
    parser.add_argument("--fresh", action="store_true", help="train anew even if this run is finished or interrupted")
    parser.add_argument(
        "--if-better", action="store_true", help="keep the split of the model that is there; replace it only by a better one"
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    arguments = parser.parse_intermixed_args()  # options may stand between config and changes
    return exit_code(lambda: _run(arguments), debug=arguments.debug)


def _run(arguments: argparse.Namespace) -> int:
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # its advice is for programmers
    from train.config import load_config

    config = load_config(arguments.config, arguments.overrides)
    if arguments.dry_run:
        print(config.to_yaml(), end="")
        return DONE
    from torch import distributed

    from train.trainer import IS_MAIN, train

    try:
        folder = train(config, fresh=arguments.fresh, if_better=arguments.if_better)
    except KeyboardInterrupt:
        print("the last finished epoch is kept; the same command goes on from there", file=sys.stderr)
        raise
    if IS_MAIN:
        print(folder)
    if distributed.is_initialized():
        distributed.destroy_process_group()  # else its threads can outlive the interpreter and abort the process
    return DONE


if __name__ == "__main__":
    sys.exit(main())
