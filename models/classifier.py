"""The encoder with its head, in torch: `build_classifier`, `save_classifier`, `load_classifier`, `forward_of`.

Context `single` uses transformers' AutoModelForSequenceClassification; `window` uses WindowClassifier on the same encoder. An
artifact folder is what `save_pretrained` writes, and scheme.yaml; config.json also holds `context`, `calibration_temperature`
(the head's weights are divided by it already) and `abstain_below`.
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

from labels.errors import BackboneError, one_line
from labels.scheme import LabelScheme
from models.arrays import Floats
from models.artifact import SCHEME, Artifact, loading_error
from models.contexts import ArticleTokenizer, Batch, Forward


class WindowClassifier(PreTrainedModel):
    """Classify every sentence of a window: the mean of its token vectors, then a linear head."""

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
    """Hide transformers' progress bars and warnings in a block, and restore its settings afterwards."""
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

    Args:
        backbone: folder or hub id of the encoder.
        context: one of models.contexts.CONTEXTS.
        max_length: tokens of an input.

    Raises:
        BackboneError: the encoder cannot be loaded, or has fewer positions than `max_length`.
    """
    settings: dict[str, Any] = {
        "id2label": scheme.id2label,
        "label2id": scheme.label2id,
        "problem_type": "single_label_classification",
        "architectures": None,
        "attention_probs_dropout_prob": 0.0,  # drawing the masks takes up to half the time of a step, and gains nothing
    }
    try:
        tokenizer = AutoTokenizer.from_pretrained(backbone, model_max_length=max_length)
        ArticleTokenizer.from_transformers(tokenizer, context)  # ValueError if a special token is missing
        config = AutoConfig.from_pretrained(backbone, **settings)
        model = _with_new_head(backbone, config, context)
    except (AttributeError, OSError, ValueError) as error:  # AttributeError: a tokenizer without tokenizer.json
        raise BackboneError(f"model.backbone: {backbone} cannot be loaded: {one_line(error)}") from error
    positions = getattr(config, "max_position_embeddings", max_length)
    if max_length > positions:
        raise BackboneError(f"model.max_length: {max_length} is more than the {positions} positions of {backbone}")
    model.config.context = context
    # Save weights under their present names: the Trainer cannot restore legacy ones (LayerNorm.gamma) from a checkpoint.
    model._weight_conversions = None
    if freeze_word_embeddings:
        model.get_input_embeddings().requires_grad_(False)
    return model, tokenizer


def _with_new_head(backbone: str, config: PreTrainedConfig, context: str) -> PreTrainedModel:
    """Put a new head on an encoder, which may be that of a trained classifier with any labels and any context.

    Raises:
        ValueError: weights of the encoder are missing; transformers would draw them at random.
    """
    was_window = getattr(config, "context", "single") == "window"
    if context == "single" and not was_window:
        return _load_encoder(AutoModelForSequenceClassification, backbone, config, ignore_mismatched_sizes=True)
    build: Any = WindowClassifier if context == "window" else AutoModelForSequenceClassification.from_config
    model: PreTrainedModel = build(config)
    if was_window:
        encoder = _load_encoder(WindowClassifier, backbone, AutoConfig.from_pretrained(backbone)).encoder
    else:
        encoder = _load_encoder(AutoModel, backbone, config)
    model.base_model.load_state_dict(encoder.state_dict(), strict=False)  # some classifiers lack the encoder's pooler
    return model


def _load_encoder(model_class: Any, backbone: str, config: PreTrainedConfig, **options: Any) -> PreTrainedModel:
    """Load a model; ValueError if weights of its encoder are missing."""
    model, loading = model_class.from_pretrained(backbone, config=config, output_loading_info=True, **options)
    prefix = "" if model_class is AutoModel else f"{model.base_model_prefix}."
    missing = [
        name
        for name in loading["missing_keys"]
        if name.startswith(prefix) and "pooler" not in name and "position_ids" not in name
    ]
    if missing:
        others = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise ValueError(f"holds no weights for {missing[0]}{others}")
    return model


def save_classifier(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, scheme_path: Path, folder: Path) -> None:
    """Write weights, config, tokenizer and scheme."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    shutil.copyfile(scheme_path, folder / SCHEME)


@quietly()
def load_classifier(artifact: Artifact) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load the model of an artifact and its tokenizer with transformers.

    Raises:
        ArtifactError: one of them is broken.
    """
    model_class: Any = WindowClassifier if artifact.context == "window" else AutoModelForSequenceClassification
    try:
        config = AutoConfig.from_pretrained(artifact.folder)
        model = model_class.from_pretrained(artifact.folder, config=config).eval()
        return model, AutoTokenizer.from_pretrained(artifact.folder)
    except Exception as error:  # safetensors, tokenizers and transformers raise many kinds for a broken file
        raise loading_error(artifact.folder, error) from error


def forward_of(model: PreTrainedModel) -> Forward:
    """Return a function that runs the model on batches and yields their logits."""

    def forward(batches: Iterable[Batch]) -> Iterator[Floats]:
        for batch in batches:
            with torch.inference_mode():
                inputs = {key: torch.from_numpy(value).to(model.device) for key, value in batch.items()}
                logits = model(**inputs).logits
            yield logits.float().cpu().numpy()

    return forward
