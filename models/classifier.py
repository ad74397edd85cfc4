"""The encoder with its head, in torch: `build_classifier`, `save_classifier`, `load_classifier`, `forward_of`.

For `single` it is the stock AutoModelForSequenceClassification; `window` has a head of its own on the same encoder. An
artifact folder is what `save_pretrained` writes, with the scheme beside it; config.json also holds `context`,
`calibration_temperature` (already divided into the head's weights) and `abstain_below`.
"""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.modeling_outputs import SequenceClassifierOutput
from transformers.utils import logging as transformers_logging

from labels.errors import BackboneError
from labels.scheme import LabelScheme
from models.arrays import Floats
from models.artifact import SCHEME, Artifact, broken
from models.contexts import ArticleTokenizer, Batch, Forward


class WindowClassifier(PreTrainedModel):
    """One label for every sentence of a window: the mean of its token vectors, then a linear head."""

    config_class = PreTrainedConfig
    base_model_prefix = "encoder"

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.encoder = AutoModel.from_config(config)
        self.dropout = nn.Dropout(0.1)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.02)
            nn.init.zeros_(module.bias)

    def forward(
        self,
        input_ids: torch.Tensor,
        members: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
    ) -> SequenceClassifierOutput:
        """Return logits [batch, sentences, labels] from input_ids, members and attention_mask, as `collate` makes them."""
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        pooled = members.to(hidden.dtype) @ hidden / members.sum(-1, keepdim=True).clamp(min=1)
        return SequenceClassifierOutput(logits=self.classifier(self.dropout(pooled)))


@contextmanager
def quietly() -> Iterator[None]:
    """Keep transformers' progress bars and its advice to programmers off the terminal; afterwards it is as it was."""
    verbosity, had_bars = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if had_bars:
            transformers_logging.enable_progress_bar()


@quietly()
def build_classifier(
    backbone: str, scheme: LabelScheme, context: str, max_length: int, freeze_word_embeddings: bool
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Put a new head on a pretrained encoder.

    Raises:
        BackboneError: the encoder cannot be had from that folder or hub id, or is shorter than `max_length`.
    """
    settings: dict[str, Any] = {
        "id2label": scheme.id2label,
        "label2id": scheme.label2id,
        "problem_type": "single_label_classification",
        "architectures": None,
        "attention_probs_dropout_prob": 0.0,  # drawing its masks takes up to half the time of a step, and gains nothing
    }
    try:
        tokenizer = AutoTokenizer.from_pretrained(backbone, model_max_length=max_length)
        ArticleTokenizer.of(tokenizer, context)  # says what it lacks
        config = AutoConfig.from_pretrained(backbone, **settings)
        model = _with_new_head(backbone, config, context)
    except (AttributeError, OSError, ValueError) as error:  # no attribute: a tokenizer of Python, without tokenizer.json
        raise BackboneError(f"model.backbone: {backbone} cannot be loaded: {' '.join(str(error).split())[:300]}") from error
    positions = getattr(config, "max_position_embeddings", max_length)
    if max_length > positions:
        raise BackboneError(f"model.max_length: {max_length} is more than the {positions} positions of {backbone}")
    model.config.context = context
    # Saved under today's names: of legacy ones (LayerNorm.gamma) the Trainer would restore nothing from a checkpoint.
    model._weight_conversions = None
    if freeze_word_embeddings:
        model.get_input_embeddings().requires_grad_(False)
    return model, tokenizer


def _with_new_head(backbone: str, config: PreTrainedConfig, context: str) -> PreTrainedModel:
    """Load an encoder, which may be that of a classifier trained before, whatever its labels and its context were.

    Raises:
        ValueError: some of its weights are not there, and would be drawn at random without a word.
    """
    read_windows = getattr(config, "context", "single") == "window"
    if context == "single" and not read_windows:
        return _whole(AutoModelForSequenceClassification, backbone, config, ignore_mismatched_sizes=True)
    kind: Any = WindowClassifier if context == "window" else AutoModelForSequenceClassification.from_config
    model: PreTrainedModel = kind(config)
    if read_windows:
        encoder = _whole(WindowClassifier, backbone, AutoConfig.from_pretrained(backbone)).encoder
    else:
        encoder = _whole(AutoModel, backbone, config)
    model.base_model.load_state_dict(encoder.state_dict(), strict=False)  # some heads go without the encoder's pooler
    return model


def _whole(kind: Any, backbone: str, config: PreTrainedConfig, **options: Any) -> PreTrainedModel:
    model, said = kind.from_pretrained(backbone, config=config, output_loading_info=True, **options)
    prefix = f"{model.base_model_prefix}." if kind is not AutoModel else ""
    needed = [n for n in said["missing_keys"] if n.startswith(prefix) and "pooler" not in n and "position_ids" not in n]
    if needed:
        raise ValueError(f"holds no weights for {needed[0]}" + (f" and {len(needed) - 1} more" if len(needed) > 1 else ""))
    return model


def save_classifier(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, scheme_path: Path, folder: Path) -> None:
    """Write weights, config, tokenizer and scheme."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    shutil.copyfile(scheme_path, folder / SCHEME)


@quietly()
def load_classifier(artifact: Artifact) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load the weights of an artifact, and its tokenizer as transformers has it.

    Raises:
        ArtifactError: they are broken.
    """
    kind: Any = WindowClassifier if artifact.context == "window" else AutoModelForSequenceClassification
    try:
        config = AutoConfig.from_pretrained(artifact.folder)
        model = kind.from_pretrained(artifact.folder, config=config).eval()
        return model, AutoTokenizer.from_pretrained(artifact.folder)
    except Exception as error:  # whatever safetensors, tokenizers or transformers raise for a broken file
        raise broken(artifact.folder, error) from error


def forward_of(model: PreTrainedModel) -> Forward:
    """Return the model as a function from batches to their logits."""

    def forward(batches: Iterable[Batch]) -> Iterator[Floats]:
        for batch in batches:
            with torch.inference_mode():
                inputs = {key: torch.from_numpy(value).to(model.device) for key, value in batch.items()}
                logits = model(**inputs).logits
            yield logits.float().cpu().numpy()

    return forward
