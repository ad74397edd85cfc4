"""Windows has no fcntl, resource, pwd, grp and termios: nothing that is installed may need them."""

import ast
import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT

UNIX_ONLY = ("fcntl", "grp", "pwd", "resource", "termios")
TRAINING = ("accelerate", "cleanlab", "datasets", "evaluate", "huggingface_hub", "sklearn", "torch", "transformers")
FILES = [path for name in ("labels", "models", "train") for path in sorted((ROOT / name).rglob("*.py"))] + [
    ROOT / "newsvoice.py"
]
MODULES = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in FILES]

# Prints {module: what it could not import}.
SCRIPT = """
import importlib, json, sys
modules, first, missing = map(json.loads, sys.argv[1:])
for name in first:
    importlib.import_module(name)
sys.modules |= dict.fromkeys(missing)
faults = {}
for name in modules:
    try:
        importlib.import_module(name)
    except ImportError as error:
        faults[name] = error.name
print(json.dumps(faults))
"""


def faults(*, first: tuple[str, ...] = (), missing: tuple[str, ...]) -> dict[str, str]:
    """Import every module in a process where some are missing; return those that fail, and for want of what."""
    arguments = map(json.dumps, (MODULES, first, missing))
    command = [sys.executable, "-c", SCRIPT, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    failed: dict[str, str] = json.loads(done.stdout)
    return failed


def test_without_unix_modules_only_what_needs_the_training_packages_cannot_be_imported():
    """What tags, serves and annotates is imported where the packages of the extra `train` are missing too."""
    failed = faults(missing=(*UNIX_ONLY, *TRAINING))
    assert {name: package for name, package in failed.items() if package.partition(".")[0] not in TRAINING} == {}
    for name in failed:
        assert name.startswith("train.") or name in ("models.classifier", "models.onnx.eight_bits")


def test_without_unix_modules_training_is_imported():
    """Its libraries come first: they use such modules on this system, and others on Windows."""
    libraries = ("torch", "datasets", "evaluate", "accelerate", "transformers.modeling_utils", "transformers.trainer")
    assert faults(first=libraries, missing=UNIX_ONLY) == {}


@pytest.mark.parametrize("path", FILES, ids=MODULES)
def test_no_function_imports_them_later(path):
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
    assert not imported & set(UNIX_ONLY)
