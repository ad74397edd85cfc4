"""The encoder with its head, in torch: `build_classifier`, `save_classifier`, `load_classifier`, `forward_of`.

For `single` it is the stock AutoModelForSequenceClassification; the other contexts have a head of their own on the same
encoder. An artefact folder is what `save_pretrained` writes, with the scheme beside it; config.json also holds `context`,
`calibration_temperature` (already divided into the head's weights) and `abstain_below`.
"""

import shutil
from collections.abc import Iterable, Iterator
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
from models.artefact import SCHEME, Artefact, broken
from models.calibration import Floats
from models.contexts import Batch, Forward

ENCODER_BATCH = 32  # sentences at once in the article model


class _ContextClassifier(PreTrainedModel):
    """An encoder and a linear head over sentence vectors; the subclasses say how the vectors come about."""

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


class WindowClassifier(_ContextClassifier):
    """One label for every sentence of a window: the mean of its token vectors, then the head. Serves pair too."""

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, members: torch.Tensor, labels: torch.Tensor | None = None
    ) -> SequenceClassifierOutput:
        """Return logits [batch, sentences, labels] from input_ids, attention_mask and members, as `collate` makes them."""
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        pooled = members.to(hidden.dtype) @ hidden / members.sum(-1, keepdim=True).clamp(min=1)
        return SequenceClassifierOutput(logits=self.classifier(self.dropout(pooled)))


class ArticleClassifier(_ContextClassifier):
    """Each sentence encoded alone, then a bidirectional GRU over the article's sentence vectors, added to them."""

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self.sequence = nn.GRU(config.hidden_size, config.hidden_size // 2, batch_first=True, bidirectional=True)

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, labels: torch.Tensor | None = None
    ) -> SequenceClassifierOutput:
        """Return logits [batch, sentences, labels] from input_ids and attention_mask [batch, sentences, tokens]."""
        lengths = attention_mask.sum(-1)
        real = lengths > 0
        vectors = torch.zeros(*lengths.shape, self.config.hidden_size, device=input_ids.device)
        vectors[real] = self._encode(input_ids[real], attention_mask[real])
        packed = nn.utils.rnn.pack_padded_sequence(
            self.dropout(vectors), real.sum(-1).cpu(), batch_first=True, enforce_sorted=False
        )
        context, _ = nn.utils.rnn.pad_packed_sequence(self.sequence(packed)[0], batch_first=True, total_length=real.shape[1])
        return SequenceClassifierOutput(logits=self.classifier(self.dropout(vectors + context)))

    def _encode(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Return the mean token vector [sentences, hidden] of each sentence, encoded in batches of similar length."""
        vectors = torch.zeros(len(ids), self.config.hidden_size, device=ids.device)
        for batch in mask.sum(-1).argsort().split(ENCODER_BATCH):
            width = int(mask[batch].sum(-1).max())
            part = mask[batch, :width]
            hidden = self.encoder(input_ids=ids[batch, :width], attention_mask=part).last_hidden_state
            vectors[batch] = (hidden * part.unsqueeze(-1)).sum(1) / part.sum(-1, keepdim=True)
        return vectors


transformers_logging.disable_progress_bar()  # loading 90 MB takes less time than reading about it

HEADS: dict[str, Any] = {"pair": WindowClassifier, "window": WindowClassifier, "article": ArticleClassifier}


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
        tokenizer = AutoTokenizer.from_pretrained(backbone)
        config = AutoConfig.from_pretrained(backbone, **settings)
        model = _with_new_head(backbone, config, context)
    except (OSError, ValueError) as error:
        raise BackboneError(f"model.backbone: {backbone} cannot be loaded: {' '.join(str(error).split())[:300]}") from error
    positions = getattr(config, "max_position_embeddings", max_length)
    if max_length > positions:
        raise BackboneError(f"model.max_length: {max_length} is more than the {positions} positions of {backbone}")
    model.config.context, tokenizer.model_max_length = context, max_length
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
    trained = HEADS.get(getattr(config, "context", "single"))
    if context == "single" and not trained:
        return _whole(AutoModelForSequenceClassification, backbone, config, ignore_mismatched_sizes=True)
    model: PreTrainedModel = HEADS.get(context, AutoModelForSequenceClassification.from_config)(config)
    if trained:
        encoder = _whole(trained, backbone, AutoConfig.from_pretrained(backbone)).encoder
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


def load_classifier(artefact: Artefact) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load the weights of an artefact, and its tokenizer as transformers has it.

    Raises:
        ArtefactError: they are broken.
    """
    single = artefact.context == "single"
    try:
        config = AutoConfig.from_pretrained(artefact.folder)
        kind = AutoModelForSequenceClassification if single else HEADS[artefact.context]
        model = kind.from_pretrained(artefact.folder, config=config).eval()
        return model, AutoTokenizer.from_pretrained(artefact.folder)
    except Exception as error:  # whatever safetensors, tokenizers or transformers raise for a broken file
        raise broken(artefact.folder, error) from error


def forward_of(model: PreTrainedModel) -> Forward:
    """Return the model as a function from batches to their logits."""

    def forward(batches: Iterable[Batch]) -> Iterator[Floats]:
        for batch in batches:
            with torch.inference_mode():
                inputs = {key: torch.from_numpy(value).to(model.device) for key, value in batch.items()}
                logits = model(**inputs).logits
            yield logits.float().cpu().numpy()

    return forward
