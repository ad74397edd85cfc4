"""Show how a training proceeds, on stderr: a bar in a terminal, and a line for each epoch."""

import sys
from contextlib import ExitStack
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from labels.progress import Report, progress


def say(message: str) -> None:
    """Print a message on stderr."""
    print(message, file=sys.stderr, flush=True)


class ProgressReport(TrainerCallback):
    """Show steps and epochs; of several processes, only the main one does."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._report: Report = lambda done, total, text="", /: None

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if state.is_world_process_zero:
            self._report = self._open.enter_context(progress("training", "steps"))

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self._report(state.global_step, state.max_steps)

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if state.is_world_process_zero:
            scores = kwargs["metrics"]
            say(
                f"epoch {round(state.epoch or 0)} of at most {round(args.num_train_epochs)}: "
                f"validation macro F1 {scores['eval_macro_f1']:.3f}, loss {scores['eval_loss']:.3f}"
            )

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self._open.close()
