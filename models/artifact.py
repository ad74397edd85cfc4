"""What an artifact folder says of itself, read without torch: `read_artifact(folder)` → Artifact.

config.json and the tokenizer are as transformers writes them, scheme.yaml explains the labels, and the weights are
model.safetensors, for torch, or model.onnx, for onnxruntime (models/onnx/runtime.py).
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from labels.errors import ArtifactError
from labels.files import located
from labels.scheme import LabelScheme, load_scheme
from models.contexts import CONTEXTS

SCHEME, CONFIG, WEIGHTS, ONNX = "scheme.yaml", "config.json", "model.safetensors", "model.onnx"


@dataclass(frozen=True, slots=True)
class Artifact:
    """An artifact folder that is whole.

    Attributes:
        weights: file of the weights.
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
    folder = located(folder)
    weights = _weights(folder)
    if not weights.is_file():
        raise ArtifactError(f"{folder}: holds no {WEIGHTS}; the training did not finish, run it again")
    scheme = load_scheme(folder / SCHEME) if (folder / SCHEME).is_file() else load_scheme()
    try:
        raw = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        found = [label for _, label in sorted((int(k), v) for k, v in raw.get("id2label", {}).items())]
        context, abstain_below = raw.get("context", "single"), float(raw.get("abstain_below", 0))
    except (ValueError, TypeError, AttributeError) as error:
        raise broken(folder, error) from error
    if found != list(scheme.names):
        raise ArtifactError(
            f"{folder}: trained for another scheme: its labels are {', '.join(map(str, found)) or 'not named'}, "
            f"those of scheme {scheme.name!r} are {', '.join(scheme.names)}"
        )
    if context not in CONTEXTS:
        raise ArtifactError(f"{folder}: its context {context!r} is not known; known are {', '.join(CONTEXTS)}")
    return Artifact(folder, weights, scheme, context, abstain_below)


def model_version(folder: Path) -> str:
    """Return a name for the weights of an artifact: its folder's name and the first digits of their SHA-256.

    Raises:
        ArtifactError: there are no weights.
    """
    folder = located(folder)
    try:
        with _weights(folder).open("rb") as file:
            return f"{folder.resolve().name}-{hashlib.file_digest(file, 'sha256').hexdigest()[:8]}"
    except OSError as error:
        raise _missing(folder) from error


def broken(folder: Path, error: Exception, remedy: str = "train it again") -> ArtifactError:
    """Return the error for a file that cannot be read."""
    return ArtifactError(f"{folder}: cannot be loaded: {' '.join(str(error).split())[:300]}; {remedy}")


def _weights(folder: Path) -> Path:
    if not (folder / CONFIG).is_file():
        raise _missing(folder)
    return folder / (ONNX if (folder / ONNX).is_file() else WEIGHTS)


def _missing(folder: Path) -> ArtifactError:
    return ArtifactError(f"{folder}: no trained model here; train one with: python -m train configs/default.yaml")
