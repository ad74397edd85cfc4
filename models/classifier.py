"""The encoder with its head: `build_classifier`, `save_classifier`, `load_classifier`.

For `single` it is the stock AutoModelForSequenceClassification; the other contexts have a head of their own on the same
encoder. An artefact folder is what `save_pretrained` writes, with the scheme beside it; config.json also holds `context`,
`calibration_temperature` (already divided into the head's weights) and `abstain_below`.
"""

import hashlib
import json
import shutil
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

from labels.errors import ArtefactError, BackboneError
from labels.scheme import LabelScheme, load_scheme
from models.contexts import CONTEXTS

SCHEME = "scheme.yaml"
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
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, slots: torch.Tensor, labels: torch.Tensor | None = None
    ) -> SequenceClassifierOutput:
        """Return logits [batch, sentences, labels] from input_ids, attention_mask and slots [batch, tokens]."""
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        member = nn.functional.one_hot(slots + 1, int(slots.max()) + 2)[:, :, 1:].to(hidden.dtype)
        pooled = torch.einsum("bth,bts->bsh", hidden, member) / member.sum(1).clamp(min=1).unsqueeze(-1)
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


def model_version(folder: Path) -> str:
    """Return a name for the weights of an artefact: its folder's name and the first digits of their SHA-256.

    Raises:
        ArtefactError: there are no weights.
    """
    try:
        with (folder / "model.safetensors").open("rb") as file:
            return f"{folder.resolve().name}-{hashlib.file_digest(file, 'sha256').hexdigest()[:8]}"
    except OSError as error:
        raise ArtefactError(f"{folder}: no trained model here; train one with: python -m train configs/default.yaml") from error


def load_classifier(folder: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase, LabelScheme]:
    """Load an artefact.

    Raises:
        ArtefactError: the folder or its weights are missing or broken, or its labels are not those of its scheme.
    """
    if not (folder / "config.json").is_file():
        raise ArtefactError(f"{folder}: no trained model here; train one with: python -m train configs/default.yaml")
    if not (folder / "model.safetensors").is_file():
        raise ArtefactError(f"{folder}: holds no model.safetensors; the training did not finish, run it again")
    scheme = load_scheme(folder / SCHEME) if (folder / SCHEME).is_file() else load_scheme()
    try:
        raw = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        found = [label for _, label in sorted((int(k), v) for k, v in raw.get("id2label", {}).items())]
        if found != list(scheme.names):
            raise ArtefactError(
                f"{folder}: trained for another scheme: its labels are {', '.join(map(str, found)) or 'not named'}, "
                f"those of scheme {scheme.name!r} are {', '.join(scheme.names)}"
            )
        context = raw.get("context", "single")
        if context not in CONTEXTS:
            raise ArtefactError(f"{folder}: its context {context!r} is not known; known are {', '.join(CONTEXTS)}")
        config = AutoConfig.from_pretrained(folder)
        kind = AutoModelForSequenceClassification if context == "single" else HEADS[context]
        return kind.from_pretrained(folder, config=config).eval(), AutoTokenizer.from_pretrained(folder), scheme
    except ArtefactError:
        raise
    except Exception as error:  # whatever safetensors, tokenizers or transformers raise for a broken file
        raise ArtefactError(f"{folder}: cannot be loaded: {' '.join(str(error).split())[:300]}; train it again") from error
