"""Export a trained model to ONNX, at full width or in eight bits, to be run without torch.

    newsvoice export models/artifacts/real models/artifacts/real-int8 --int8
    newsvoice tag article.txt --model models/artifacts/real-int8

What comes out is a model that every command that tags takes as --model DIR. Its weights stand in model.onnx; config,
tokenizer and scheme are copies. Needs the optional group: pip install 'newsvoice[train]'; to run it, nothing more is needed.
"""

import argparse
import logging
import shutil
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labels.articles import read_articles, sentences_of
from labels.commands import DONE, add_verb
from labels.errors import ArtifactError, ConfigError, OutputError
from labels.files import new_folder
from models.artifact import CONFIG, ONNX, SCHEME, Artifact, model_version, read_artifact
from models.contexts import Batch, collate
from models.onnx.eight_bits import quantize, smooth
from models.tagger import Tagger

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedModel

COPIED = (CONFIG, SCHEME, "tokenizer.json", "tokenizer_config.json")
SAMPLES = "labels/samples"
FUSED = "onnxruntime"  # what transformers calls the attention of `_fuse_attention`
CLOSE = 1e-3  # in logits: as near as two libraries come when they compute the same


def add_to(verbs: Any) -> None:
    """Add the command to those of the command line."""
    parser = add_verb(verbs, "export", _run, __doc__)
    parser.add_argument("source", type=Path, metavar="DIR", help="a trained model")
    parser.add_argument("out", type=Path, metavar="OUT", help="folder for the exported one")
    parser.add_argument(
        "--int8", action="store_true", help="in eight bits: smaller, up to twice as fast, up to one label in a hundred differs"
    )


def _run(arguments: argparse.Namespace) -> int:
    source, out = arguments.source, arguments.out
    export(source, out, int8=arguments.int8)
    print(f"{out}: {(out / ONNX).stat().st_size / 1e6:.0f} MB, made of {model_version(source)}", file=sys.stderr)
    return DONE


def export(source: Path, out: Path, *, int8: bool = False) -> None:
    """Write an artifact for onnxruntime out of one for torch.

    Raises:
        ArtifactError: there is no such model, or one that cannot be exported.
        OutputError: `out` holds something else, or cannot be written.
        ConfigError: what the export needs is not installed.
    """
    artifact = read_artifact(source)
    if artifact.weights.name == ONNX:
        raise ArtifactError(f"{source}: is exported already; name the model it was made of")
    if out.exists() and not (out.is_dir() and {path.name for path in out.iterdir()} <= {*COPIED, ONNX}):
        raise OutputError(f"{out}: holds something else; name a folder that is new, or an exported model")
    with new_folder(out) as folder:
        with _quietly():
            _write_onnx(artifact, folder / ONNX, int8)
        for name in COPIED:
            if (artifact.folder / name).is_file():
                shutil.copyfile(artifact.folder / name, folder / name)


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep the exporter's and the quantizer's advice to programmers to themselves."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _write_onnx(artifact: Artifact, path: Path, int8: bool) -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ConfigError(f"the export needs {error.name}: pip install 'newsvoice[train]'") from error
    from models.classifier import load_classifier

    model, tokenizer = load_classifier(artifact)
    articles = [[sentence.text for sentence in sentences_of(article)] for article in read_articles([SAMPLES])]
    tagger = Tagger.of(model, tokenizer, artifact.scheme)
    eight = smooth(model, tagger, articles) if int8 else []
    rows = [row for texts in articles for row in tagger.tokenizer.encode(texts)]
    batches = [collate([row], tagger.tokenizer.pad_id) for row in sorted(rows, key=lambda row: -len(row.targets))]
    for batch in batches:
        del batch["attention_mask"]  # a row at a time (models/onnx/runtime.py) has no padding to hide
    try:
        difference = _translate(model, batches, path)
    except Exception as error:  # whatever an encoder has in it that ONNX has not
        said = " ".join(str(error).split())[:300]
        raise ArtifactError(f"{artifact.folder}: its encoder cannot be exported: {said}; use it as it is") from error
    if not difference <= CLOSE:  # nor is it when there is no number
        raise ArtifactError(f"{artifact.folder}: its encoder says something else when it is exported; use it as it is")
    if int8 and not quantize(path, eight):
        raise ArtifactError(f"{artifact.folder}: no layer of its encoder is fit for eight bits; export it without --int8")


def _translate(model: "PreTrainedModel", batches: Sequence[Batch], path: Path) -> float:
    """Write a model for onnxruntime; return how far its logits for `batches`, of a row each, are from the model's own."""
    import onnx
    import onnxruntime
    import torch

    given = [{name: torch.from_numpy(values) for name, values in batch.items()} for batch in batches]
    with torch.inference_mode():
        expected = [model(**inputs).logits.numpy() for inputs in given]
    _fuse_attention(model)
    program = torch.onnx.export(
        model,
        kwargs=given[0],
        dynamo=True,
        dynamic_shapes={
            name: dict.fromkeys(range(1, values.ndim), torch.export.Dim.DYNAMIC) for name, values in given[0].items()
        },
        output_names=["logits"],
        verbose=False,
    )
    onnx.save(program.model_proto, path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    found = [session.run(None, batch)[0] for batch in batches]
    return float(max(abs(ours - theirs).max() for ours, theirs in zip(found, expected, strict=True)))


def _fuse_attention(model: "PreTrainedModel") -> None:
    """Have attention exported as one operation of onnxruntime, if the encoder leaves the way it is computed to transformers.

    Without a mask, onnxruntime computes it block by block (Dao et al., FlashAttention, NeurIPS 2022, arXiv 2205.14135).
    """
    import torch
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import bidirectional_mask_function, eager_mask

    def attend(
        _: "nn.Module", query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: Any, scaling: float, **__: Any
    ) -> tuple[torch.Tensor, None]:
        batch, heads, length, size = query.shape
        inputs = [states.transpose(1, 2).reshape(batch, length, heads * size) for states in (query, key, value)]
        found = torch.onnx.ops.symbolic(
            "com.microsoft::MultiHeadAttention",
            [*inputs, None, None, mask],
            {"num_heads": heads, "scale": scaling},
            dtype=query.dtype,
            shape=inputs[0].shape,
            version=1,
        )
        return found.view(batch, length, heads, size), None

    def mask(**given: Any) -> torch.Tensor | None:
        everywhere = given["mask_function"] is bidirectional_mask_function and given["attention_mask"] is None
        return None if everywhere else eager_mask(**given)

    if model.base_model._supports_attention_backend:
        AttentionInterface.register(FUSED, attend)
        AttentionMaskInterface.register(FUSED, mask)
        model.set_attn_implementation(FUSED)
