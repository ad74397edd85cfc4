"""Errors that the user can fix.

UserError                  the input was wrong: exit code 2, one line per fault, no traceback
├── ArticleError           an article cannot be read
├── AnnotationError        the scheme or the corpus is wrong
├── ConfigError            the training config or the options of a command are wrong
├── BackboneError          the pretrained encoder is missing, or not the one named
├── ArtifactError          the trained model cannot be loaded
├── OutputError            the result cannot be written
└── StudioError            Label Studio cannot be reached or refuses a request
    └── StudioTimeoutError    it does not answer in time

labels.commands turns them into messages and exit codes.
"""


class UserError(Exception):
    """An error the user can fix; the message names the place, the fault and the remedy."""


class ArticleError(UserError):
    """An article cannot be read."""


class AnnotationError(UserError):
    """The label scheme or the corpus is wrong."""


class ConfigError(UserError):
    """The training config or the options of a command are wrong."""


class BackboneError(UserError):
    """The pretrained encoder is missing, or not the one that was named."""


class ArtifactError(UserError):
    """The trained model cannot be loaded."""


class OutputError(UserError):
    """The result cannot be written."""


class StudioError(UserError):
    """Label Studio cannot be reached or refuses a request."""


class StudioTimeoutError(StudioError):
    """Label Studio does not answer in time."""


def one_line(text: object, limit: int = 300) -> str:
    """Return the text of a library's error, say, as one line of at most `limit` characters."""
    return " ".join(str(text).split())[:limit]
