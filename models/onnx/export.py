"""Export a trained model to ONNX, at full width or in eight bits, so that it runs without torch.

    newsvoice export models/artifacts/real models/artifacts/real-int8 --int8
    newsvoice tag article.txt --model models/artifacts/real-int8

Every command that tags takes the exported model as --model DIR. Its weights are in model.onnx; config, tokenizer and scheme are
copies. The export needs the optional group: pip install 'newsvoice[train]'; the exported model runs without it.
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
from labels.errors import ArtifactError, OutputError, one_line
from labels.files import new_folder
from models.artifact import MODEL_CONFIG, ONNX, SCHEME, Artifact, model_version, read_artifact
from models.onnx.eight_bits import quantize, smooth

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedModel

    from models.contexts import Batch

COPIED = (MODEL_CONFIG, SCHEME, "tokenizer.json", "tokenizer_config.json")
SAMPLES = "labels/samples"  # articles that the exported model is tried on
FUSED = "onnxruntime"  # the name in transformers of the attention that `_fuse_attention` registers
TOLERANCE = 1e-3  # by how much logits may differ between two libraries that compute the same


def add_to(verbs: Any) -> None:
    """Add `export` to the commands of the command line."""
    parser = add_verb(verbs, "export", _run, __doc__)
    parser.add_argument("source", type=Path, metavar="DIR", help="a trained model")
    parser.add_argument("out", type=Path, metavar="OUT", help="folder for the exported model")
    parser.add_argument(
        "--int8", action="store_true", help="in eight bits: smaller, up to twice as fast, up to 1%% of the labels differ"
    )


def _run(arguments: argparse.Namespace) -> int:
    source, out = arguments.source, arguments.out
    export(source, out, int8=arguments.int8)
    print(f"{out}: {(out / ONNX).stat().st_size / 1e6:.0f} MB, exported from {model_version(source)}", file=sys.stderr)
    return DONE


def export(source: Path, out: Path, *, int8: bool = False) -> None:
    """Export an artifact with torch weights to the folder `out`, an artifact for onnxruntime.

    Raises:
        ArtifactError: there is no such model, or one that cannot be exported.
        OutputError: `out` holds something else, or cannot be written.
        ConfigError: a package that the export needs is not installed.
    """
    artifact = read_artifact(source)
    if artifact.weights.name == ONNX:
        raise ArtifactError(f"{source}: is exported already; name the model it was exported from")
    if out.exists() and not (out.is_dir() and {path.name for path in out.iterdir()} <= {*COPIED, ONNX}):
        raise OutputError(f"{out}: holds something else; name a new folder, or that of an exported model")
    with new_folder(out) as folder:
        with _exporter_silenced():
            _write_onnx(artifact, folder / ONNX, int8)
        for name in COPIED:
            if (artifact.folder / name).is_file():
                shutil.copyfile(artifact.folder / name, folder / name)


@contextmanager
def _exporter_silenced() -> Iterator[None]:
    """Hide warnings of the exporter and the quantizer in a block: they are advice to programmers."""
    disabled_level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled_level)


def _write_onnx(artifact: Artifact, path: Path, int8: bool) -> None:
    """Write the model of an artifact as ONNX, check it on the sample articles, then bring its layers to eight bits."""
    import onnxscript  # noqa: F401  # before any work: torch asks for it late, in its own words

    from models.classifier import load_classifier
    from models.contexts import collate
    from models.tagger import Tagger

    model, tokenizer = load_classifier(artifact)
    articles = [[sentence.text for sentence in sentences_of(article)] for article in read_articles([SAMPLES])]
    tagger = Tagger.from_model(model, tokenizer, artifact.scheme)
    layers = smooth(model, tagger, articles) if int8 else []
    rows = [row for texts in articles for row in tagger.tokenizer.encode(texts)]
    batches = [collate([row], tagger.tokenizer.pad_id) for row in sorted(rows, key=lambda row: -len(row.targets))]
    for batch in batches:
        del batch["attention_mask"]  # a batch is one row (models/onnx/runtime.py), so there is no padding to mask
    try:
        difference = _convert(model, batches, path)
    except Exception as error:  # an encoder may use operations that ONNX does not have; what is raised then differs
        reason = one_line(error)
        raise ArtifactError(f"{artifact.folder}: its encoder cannot be exported: {reason}; use the model as it is") from error
    if not difference <= TOLERANCE:  # also refuses NaN
        raise ArtifactError(f"{artifact.folder}: its encoder says something else when it is exported; use the model as it is")
    if int8 and not quantize(path, layers):
        raise ArtifactError(f"{artifact.folder}: no layer of its encoder is fit for eight bits; export it without --int8")


def _convert(model: "PreTrainedModel", batches: "Sequence[Batch]", path: Path) -> float:
    """Write a model as ONNX; return the largest difference between its logits and torch's, for batches of one row each."""
    import onnx
    import onnxruntime
    import torch

    tensors = [{name: torch.from_numpy(values) for name, values in batch.items()} for batch in batches]
    with torch.inference_mode():
        expected = [model(**inputs).logits.numpy() for inputs in tensors]
    _fuse_attention(model)
    example = tensors[0]
    program = torch.onnx.export(
        model,
        kwargs=example,
        dynamo=True,
        dynamic_shapes={
            name: dict.fromkeys(range(1, values.ndim), torch.export.Dim.DYNAMIC) for name, values in example.items()
        },
        output_names=["logits"],
        verbose=False,
    )
    onnx.save(program.model_proto, path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    exported = [session.run(None, batch)[0] for batch in batches]
    return float(max(abs(ours - theirs).max() for ours, theirs in zip(exported, expected, strict=True)))


def _fuse_attention(model: "PreTrainedModel") -> None:
    """Make the exporter write attention as one operation of onnxruntime, if the encoder uses transformers' AttentionInterface.

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
        outputs = torch.onnx.ops.symbolic(
            "com.microsoft::MultiHeadAttention",
            [*inputs, None, None, mask],
            {"num_heads": heads, "scale": scaling},
            dtype=query.dtype,
            shape=inputs[0].shape,
            version=1,
        )
        return outputs.view(batch, length, heads, size), None

    def make_mask(**options: Any) -> torch.Tensor | None:
        masks_nothing = options["mask_function"] is bidirectional_mask_function and options["attention_mask"] is None
        return None if masks_nothing else eager_mask(**options)

    if model.base_model._supports_attention_backend:
        AttentionInterface.register(FUSED, attend)
        AttentionMaskInterface.register(FUSED, make_mask)
        model.set_attn_implementation(FUSED)
