"""Say how a training goes on: a bar in a terminal, one line an epoch everywhere."""

import sys
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

LOG = Console(stderr=True, highlight=False, soft_wrap=True)


def say(message: str) -> None:
    """Print one line of talk on stderr."""
    LOG.print(message, markup=False)


class ProgressReport(TrainerCallback):
    """Report steps and epochs of the main process."""

    def __init__(self) -> None:
        self._bar = Progress(
            TextColumn("training"), BarColumn(), MofNCompleteColumn(), TextColumn("steps,"), TimeRemainingColumn(),
            TextColumn("left at most"), console=LOG, transient=True, disable=not sys.stderr.isatty(),
        )  # fmt: skip
        self._task = self._bar.add_task("training")

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if state.is_world_process_zero:
            self._bar.start()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self._bar.update(self._task, completed=state.global_step, total=state.max_steps)

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if state.is_world_process_zero:
            scores = kwargs["metrics"]
            say(
                f"epoch {round(state.epoch or 0)} of at most {round(args.num_train_epochs)}: "
                f"validation macro F1 {scores['eval_macro_f1']:.3f}, loss {scores['eval_loss']:.3f}"
            )

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self._bar.stop()
