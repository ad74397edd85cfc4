"""The labels, read from a YAML file: `load_scheme(path)` → LabelScheme."""

import difflib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from labels.errors import AnnotationError
from labels.files import located

DEFAULT_SCHEME = Path(__file__).parent / "scheme.yaml"
KEYS = {"name", "title", "definition", "examples", "colour", "hotkey", "article_text"}
PALETTE = ("#1d5fa8", "#6a4a9c", "#9a5b00", "#b3261e", "#00695c", "#5f6368")


@dataclass(frozen=True, slots=True)
class Label:
    """One label; `article_text` is false for lines that do not belong to the article."""

    name: str
    title: str
    definition: str
    examples: tuple[str, ...]
    colour: str
    hotkey: str
    article_text: bool = True


@dataclass(frozen=True, slots=True)
class LabelScheme:
    """An ordered set of labels; the order gives the ids."""

    name: str
    labels: tuple[Label, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all labels, in order."""
        return tuple(label.name for label in self.labels)

    @property
    def article_labels(self) -> tuple[str, ...]:
        """Names of the labels that article text can have; macro F1 is the mean over these."""
        return tuple(label.name for label in self.labels if label.article_text)

    @property
    def boilerplate_label(self) -> str | None:
        """Name of the label for lines that are not article text, if the scheme has one."""
        return next((label.name for label in self.labels if not label.article_text), None)

    @property
    def label2id(self) -> dict[str, int]:
        """Ids by name, for a model's config."""
        return {name: number for number, name in enumerate(self.names)}

    @property
    def id2label(self) -> dict[int, str]:
        """Names by id, for a model's config."""
        return dict(enumerate(self.names))

    def label(self, name: str) -> Label:
        """Return the label of that name."""
        return next(label for label in self.labels if label.name == name)

    def check(self, name: object, place: str) -> str:
        """Return `name` if it is a label of the scheme; else raise AnnotationError naming `place`."""
        if isinstance(name, str) and name in self.names:
            return name
        raise AnnotationError(f"{place}: unknown label {name!r}; the scheme has {', '.join(self.names)}")


def load_scheme(path: Path = DEFAULT_SCHEME) -> LabelScheme:
    """Read a scheme.

    Raises:
        AnnotationError: the file is missing, is not YAML, or an entry lacks a name or has an unknown key.
    """
    path = located(path)
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise AnnotationError(f"{path}: no such label scheme; give a YAML file such as labels/scheme.yaml") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise AnnotationError(f"{path}: not a readable YAML file: {' '.join(str(error).split())}") from error
    entries = raw.get("labels") if isinstance(raw, dict) else None
    if not isinstance(entries, list) or len(entries) < 2:
        raise AnnotationError(f"{path}: needs a list `labels:` with at least two entries, each with a `name:`")
    labels = tuple(_label(entry, index, path) for index, entry in enumerate(entries))
    repeated = {label.name for label in labels if sum(other.name == label.name for other in labels) > 1}
    if repeated:
        raise AnnotationError(f"{path}: label {', '.join(sorted(repeated))} is listed twice; keep one")
    if sum(label.article_text for label in labels) < 2:
        raise AnnotationError(f"{path}: at least two labels must be for article text")
    return LabelScheme(str(raw.get("name", path.stem)), labels)


def _label(entry: Any, index: int, path: Path) -> Label:
    place = f"{path}: label {index + 1}"
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str) or not entry["name"]:
        raise AnnotationError(f"{place}: needs a `name:`, a word such as fact")
    for key in set(entry) - KEYS:
        similar = difflib.get_close_matches(str(key), KEYS, n=1)
        hint = f"did you mean {similar[0]!r}?" if similar else f"known keys are {', '.join(sorted(KEYS))}"
        raise AnnotationError(f"{place} ({entry['name']}): unknown key {key!r}; {hint}")
    entry = {key: value for key, value in entry.items() if value is not None}
    if not isinstance(entry.get("examples", []), list):
        raise AnnotationError(f"{place} ({entry['name']}): examples must be a list, one sentence each")
    colour = str(entry.get("colour", PALETTE[index % len(PALETTE)]))
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", colour):
        raise AnnotationError(f"{place} ({entry['name']}): colour {colour!r} is not of the form '#1d5fa8'")
    return Label(
        name=entry["name"],
        title=str(entry.get("title", entry["name"].replace("_", " ").capitalize())),
        definition=str(entry.get("definition", "")),
        examples=tuple(map(str, entry.get("examples", ()))),
        colour=colour,
        hotkey=str(entry.get("hotkey", index + 1)),
        article_text=bool(entry.get("article_text", True)),
    )
