"""Read what an artifact folder says about its model, without torch: `read_artifact(folder)` → Artifact.

config.json and the tokenizer are as transformers writes them, scheme.yaml explains the labels, and the weights are
model.safetensors, for torch, or model.onnx, for onnxruntime (models/onnx/runtime.py).
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from labels.errors import ArtifactError, one_line
from labels.files import located
from labels.scheme import LabelScheme, load_scheme

SCHEME, MODEL_CONFIG, WEIGHTS, ONNX = "scheme.yaml", "config.json", "model.safetensors", "model.onnx"


@dataclass(frozen=True, slots=True)
class Artifact:
    """A complete artifact folder.

    Attributes:
        weights: file of the weights, WEIGHTS or ONNX.
        context: how sentences are shown to the model, one of CONTEXTS.
        abstain_below: probability under which the model abstains.
    """

    folder: Path
    weights: Path
    scheme: LabelScheme
    context: str
    abstain_below: float


def read_artifact(folder: Path) -> Artifact:
    """Read what is needed to load an artifact.

    Raises:
        ArtifactError: the folder or its weights are missing or broken, or its labels are not those of its scheme.
    """
    from models.contexts import CONTEXTS  # brings numpy

    folder = located(folder)
    weights = _weights(folder)
    if not weights.is_file():
        raise ArtifactError(f"{folder}: holds no {WEIGHTS}; the training did not finish, run it again")
    scheme = load_scheme(folder / SCHEME) if (folder / SCHEME).is_file() else load_scheme()
    try:
        config = json.loads((folder / MODEL_CONFIG).read_text(encoding="utf-8"))
        labels = [label for _, label in sorted((int(number), label) for number, label in config.get("id2label", {}).items())]
        context, abstain_below = config.get("context", "single"), float(config.get("abstain_below", 0))
    except (ValueError, TypeError, AttributeError) as error:
        raise loading_error(folder, error) from error
    if labels != list(scheme.names):
        raise ArtifactError(
            f"{folder}: trained for another scheme: its labels are {', '.join(map(str, labels)) or 'not named'}, "
            f"those of scheme {scheme.name!r} are {', '.join(scheme.names)}; train it again"
        )
    if context not in CONTEXTS:
        raise ArtifactError(f"{folder}: unknown context {context!r}, not one of {', '.join(CONTEXTS)}; train it again")
    return Artifact(folder, weights, scheme, context, abstain_below)


def model_version(folder: Path) -> str:
    """Return a name for the weights of an artifact: the folder's name and the first eight digits of their SHA-256.

    Raises:
        ArtifactError: there are no weights.
    """
    folder = located(folder)
    try:
        with _weights(folder).open("rb") as file:
            return f"{folder.resolve().name}-{hashlib.file_digest(file, 'sha256').hexdigest()[:8]}"
    except OSError as error:
        raise _no_model(folder) from error


def loading_error(folder: Path, error: Exception, remedy: str = "train it again") -> ArtifactError:
    """Return the error for an artifact whose files a library cannot read."""
    return ArtifactError(f"{folder}: cannot be loaded: {one_line(error)}; {remedy}")


def _weights(folder: Path) -> Path:
    if not (folder / MODEL_CONFIG).is_file():
        raise _no_model(folder)
    return folder / (ONNX if (folder / ONNX).is_file() else WEIGHTS)


def _no_model(folder: Path) -> ArtifactError:
    return ArtifactError(f"{folder}: no trained model here; train one with: python -m train configs/default.yaml")
