"""The docs name what is there: every path of their trees exists, every command and option they show is known."""

import importlib
import re
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from io import StringIO
from itertools import takewhile
from pathlib import Path

import pytest

from tests.conftest import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
CODE = ("labels", "models", "train", "scripts")
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
PATH = re.compile(r"[\w*][\w.*-]*(/[\w.*-]+)*(/|\.[a-z]\w*)")
COMMAND = re.compile(  # a variable or a prompt may stand before it; of torchrun, options before -m are its own
    r"(?:\$ |\w+=\S+ )*(?:\S+/)?(?:(?P<cli>newsvoice)|(?:python|torchrun)\S*(?: .*)? -m (?P<module>\w+(?:\.\w+)*))(?=\s|$)"
)
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def code_of(page: Path) -> Iterator[str]:
    """Yield the lines of code of a page: those of its blocks, and what stands between backticks in its text."""
    text = page.read_text(encoding="utf-8")
    for language, block in FENCE.findall(text):
        if language != "python":
            yield from block.replace("\\\n", " ").splitlines()
    for words in re.findall(r"`([^`]+)`", FENCE.sub("", text)):
        yield " ".join(words.split())


def trees_of(page: Path) -> list[list[str]]:
    """Return the paths of each tree: of the blocks in which at least two lines begin with the name of a folder."""
    blocks = [block for _, block in FENCE.findall(page.read_text(encoding="utf-8"))]
    return [list(paths_of(block)) for block in blocks if len(re.findall(r"^ *[\w.-]+/(?: .*)?$", block, re.MULTILINE)) > 1]


def paths_of(tree: str) -> Iterator[str]:
    """Yield the paths of lines such as `  a.py b.py   what both are for`; the folder of a line is above it, less indented."""
    folders: list[tuple[int, str]] = []
    for line in filter(str.strip, tree.splitlines()):
        indent = len(line) - len(line.lstrip())
        folders = [(column, folder) for column, folder in folders if column < indent]
        parent = folders[-1][1] if folders else ""
        for name in takewhile(PATH.fullmatch, line.split()):
            yield parent + name
            if name.endswith("/"):
                folders.append((indent, parent + name))


def test_a_tree_is_read_as_people_read_it():
    tree = "a/        what is first\n  b/      inner\n    c.py d.py   two\n  e.md\nf.py  words\n"
    assert list(paths_of(tree)) == ["a/", "a/b/", "a/b/c.py", "a/b/d.py", "a/e.md", "f.py"]


@each_page
def test_every_path_of_a_tree_exists(page: Path):
    made_later = [line for line in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines() if line.endswith("/")]
    paths = [path for tree in trees_of(page) for path in tree if not path.startswith(tuple(made_later))]
    assert [path for path in paths if not any(ROOT.glob(path))] == []


def test_every_module_stands_in_the_tree_of_contributing():
    listed = {path for tree in trees_of(ROOT / "CONTRIBUTING.md") for path in tree}
    modules = {path.relative_to(ROOT).as_posix() for name in CODE for path in (ROOT / name).rglob("*.py")}
    assert {path for path in modules if not path.endswith("/__init__.py")} - listed == set()


@each_page
def test_links_lead_to_files_that_exist(page: Path):
    links = re.findall(r"\]\(([^)#\s]+)", FENCE.sub("", page.read_text(encoding="utf-8")))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []


@each_page
def test_every_make_target_that_is_shown_exists(page: Path):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    shown = {word for line in code_of(page) for word in re.findall(r"^make ([a-z][a-z-]*)", line)}
    assert shown - targets == set()


@cache
def help_of(*words: str) -> str:
    """Return what `newsvoice VERB --help` or `python -m MODULE --help` prints; nothing if there is no such command."""
    module, *verbs = words
    is_package = (ROOT / module.replace(".", "/")).is_dir()
    out, before = StringIO(), sys.argv
    sys.argv = [module, *verbs, "--help"]
    try:
        with redirect_stdout(out), redirect_stderr(StringIO()):
            importlib.import_module(f"{module}.__main__" if is_package else module).main()
    except (ImportError, SystemExit):
        pass
    finally:
        sys.argv = before
    return out.getvalue()


def faults_of(line: str) -> Iterator[str]:
    """Yield what is wrong with the commands of a line of code, as far as they are this project's."""
    for part in re.split(r"[|&;]+\s", line.partition(" # ")[0]):
        match = COMMAND.match(part.strip())
        if match and (match["cli"] or match["module"].partition(".")[0] in (*CODE, "tests")):
            yield from _faults(match["cli"] or match["module"], part.strip()[match.end() :].split())


def _faults(module: str, words: list[str]) -> Iterator[str]:
    if module.endswith(".NAME"):  # stands for any of them
        return
    is_cli = module == "newsvoice"
    command = [module, *_verbs(words)] if is_cli else [module]
    name = " ".join(command) if is_cli else f"python -m {module}"
    usage = help_of(*command)
    if not usage.startswith(f"usage: {name} " if is_cli else "usage: "):
        yield f"{name}: there is no such command"
        return
    for option in (word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)):
        if not re.search(rf"(?<![\w-]){option}(?![\w-])", usage):
            yield f"{name} {option}: there is no such option"


def _verbs(words: list[str]) -> list[str]:
    """Return the verb and its sub-verb, as far as the words of a command are given; articles without a verb are tagged."""
    names = list(takewhile(lambda word: re.fullmatch(r"[a-z][a-z-]*", word), words))
    if not names:
        return []
    return names[:2] if names[0] == "studio" else names[:1]


@each_page
def test_every_command_and_option_that_is_shown_is_known(page: Path):
    assert [fault for line in code_of(page) for fault in faults_of(line)] == []


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("newsvoice archive in out", "newsvoice archive: there is no such command"),
        ("newsvoice studio make x", "newsvoice studio make: there is no such command"),
        ("python -m scripts.nothing", "python -m scripts.nothing: there is no such command"),
        ("cat a.txt | newsvoice tag - --fromat json", "newsvoice tag --fromat: there is no such option"),
        ("torchrun --nproc-per-node 2 -m train c.yaml --fast", "python -m train --fast: there is no such option"),
        ("newsvoice a.txt b.html", ""),
        ("newsvoice studio push Tunnel labels/samples --event tunnel  # prints --its address", ""),
        ("python -m pip install --nothing newsvoice", ""),
        ("newsvoice VERB --help", ""),
    ],
)
def test_a_wrong_command_is_noticed(line: str, fault: str):
    assert list(faults_of(line)) == [fault] * bool(fault)
