"""Export a trained model to ONNX, at full width or in eight bits, to be run without torch.

    python -m models export models/artifacts/real models/artifacts/real-int8 --int8
    python -m models article.txt --model models/artifacts/real-int8

What comes out is a model that every command that tags takes as --model DIR. Its weights stand in model.onnx; config,
tokenizer and scheme are copies. Needs the optional group: pip install -e '.[onnx]'; to run it, onnxruntime is enough.
"""

import argparse
import ast
import logging
import shutil
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labels.articles import read_articles
from labels.errors import DONE, ArtefactError, ConfigError, OutputError, exit_code, writing
from models.artefact import CONFIG, ONNX, SCHEME, Artefact, model_version, read_artefact
from models.contexts import Batch, collate
from models.tagger import Tagger, sentences_of

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedModel

COPIED = (CONFIG, SCHEME, "tokenizer.json", "tokenizer_config.json")
SAMPLES = Path(__file__).parent.parent / "labels/samples"
SMOOTHING = 0.7  # how far the range of a layer's inputs is moved into its weights; the authors' alpha
WIDEST = 30  # standard deviations that the inputs of a layer in eight bits may span: beyond, most of them share few steps
FUSED = "onnxruntime"  # what transformers calls the attention of `_fuse_attention`
CLOSE = 1e-3  # in logits: as near as two libraries come when they compute the same


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m models export", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path, metavar="DIR", help="a trained model")
    parser.add_argument("out", type=Path, metavar="OUT", help="folder for the exported one")
    parser.add_argument(
        "--int8", action="store_true", help="in eight bits: smaller, up to twice as fast, up to one label in a hundred differs"
    )
    given = parser.parse_args(arguments)
    return exit_code(lambda: _run(given.source, given.out, given.int8))


def _run(source: Path, out: Path, int8: bool) -> int:
    logging.disable(logging.WARNING)  # the exporter's and the quantizer's advice is for programmers
    warnings.simplefilter("ignore")
    export(source, out, int8=int8)
    print(f"{out}: {(out / ONNX).stat().st_size / 1e6:.0f} MB, made of {model_version(source)}", file=sys.stderr)
    return DONE


def export(source: Path, out: Path, *, int8: bool = False) -> None:
    """Write an artefact for onnxruntime out of one for torch.

    Raises:
        ArtefactError: there is no such model, or one that cannot be exported.
        OutputError: `out` holds something else, or cannot be written.
        ConfigError: what the export needs is not installed.
    """
    artefact = read_artefact(source)
    if artefact.weights.name == ONNX:
        raise ArtefactError(f"{source}: is exported already; name the model it was made of")
    if out.exists() and not (out.is_dir() and {path.name for path in out.iterdir()} <= {*COPIED, ONNX}):
        raise OutputError(f"{out}: holds something else; name a folder that is new, or an exported model")
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as folder:
            made, before = Path(folder) / "made", Path(folder) / "before"
            made.mkdir()
            _write_onnx(artefact, made / ONNX, int8)
            for name in COPIED:
                if (source / name).is_file():
                    shutil.copyfile(source / name, made / name)
            if out.exists():
                out.rename(before)
            try:
                made.rename(out)
            finally:
                if before.exists() and not out.exists():
                    before.rename(out)


def _write_onnx(artefact: Artefact, path: Path, int8: bool) -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ConfigError(f"the export needs {error.name}; it is in an optional group: pip install -e '.[onnx]'") from error
    from models.classifier import load_classifier

    model, tokenizer = load_classifier(artefact)
    articles = [[sentence.text for sentence in sentences_of(article)] for article in read_articles([str(SAMPLES)])]
    tagger = Tagger.of(model, tokenizer, artefact.scheme)
    eight = _smooth(model, tagger, articles) if int8 else []
    rows = [row for texts in articles for row in tagger.tokenizer.encode(texts)]
    batches = [collate([row], tagger.tokenizer.pad_id) for row in sorted(rows, key=lambda row: -len(row.targets))]
    for batch in batches:
        del batch["attention_mask"]  # a row at a time (models/runtime.py) has no padding to hide
    try:
        difference = _translate(model, batches, path)
    except Exception as error:  # whatever an encoder has in it that ONNX has not
        said = " ".join(str(error).split())[:300]
        raise ArtefactError(f"{artefact.folder}: its encoder cannot be exported: {said}; use it as it is") from error
    if not difference <= CLOSE:  # nor is it when there is no number
        raise ArtefactError(f"{artefact.folder}: its encoder says something else when it is exported; use it as it is")
    if int8 and not _quantize(path, eight):
        raise ArtefactError(f"{artefact.folder}: no layer of its encoder is fit for eight bits; export it without --int8")


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


def _quantize(path: Path, layers: Sequence[str]) -> bool:
    """Bring the products of some torch modules to eight bits; return whether there are any."""
    import onnx
    from onnxruntime import quantization

    nodes = [node.name for node in onnx.load(path).graph.node if node.op_type == "MatMul" and _module_of(node) in layers]
    if not nodes:
        return False
    full = path.rename(path.with_name("full.onnx"))
    quantization.quantize_dynamic(
        full,
        path,
        per_channel=True,
        reduce_range=True,  # seven bits of weights: eight can overflow in the products of processors without VNNI
        weight_type=quantization.QuantType.QInt8,
        op_types_to_quantize=["MatMul"],
        nodes_to_quantize=nodes,
    )
    full.unlink()
    return True


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


def _smooth(model: "PreTrainedModel", tagger: Tagger, articles: Sequence[Sequence[str]]) -> list[str]:
    """Make the encoder's linear layers fit for eight bits; return the names of those that are.

    Inputs are divided, and weights multiplied, by a scale for each channel, so that no channel is much wider than the others
    (Xiao et al., SmoothQuant, ICML 2023, arXiv 2211.10438). A layer whose inputs span too much even so keeps its full width.
    """
    import torch
    from torch import nn

    class Smoothed(nn.Module):
        def __init__(self, linear: nn.Linear, scale: torch.Tensor) -> None:
            super().__init__()
            self.linear = linear
            self.register_buffer("inverse", 1 / scale)
            linear.weight.data *= scale

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = self.linear(inputs * self.inverse)
            return found

    layers = {
        name: module
        for name, module in model.base_model.named_modules(prefix=model.base_model_prefix)
        if isinstance(module, nn.Linear) and "layer." in name
    }
    eight = []
    for name, inputs in _inputs_of(layers, tagger, articles).items():
        layer = layers[name]
        widest, weight = inputs.abs().amax(0).clamp(min=1e-5), layer.weight.data.abs().amax(0).clamp(min=1e-5)
        scale = widest**SMOOTHING / weight ** (1 - SMOOTHING)
        smooth = inputs / scale
        if (smooth.max() - smooth.min()) / smooth.std() <= WIDEST:
            model.set_submodule(name, Smoothed(layer, scale))
            eight.append(f"{name}.linear")
    return eight


def _inputs_of(layers: "dict[str, nn.Linear]", tagger: Tagger, articles: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Return what goes into each layer when articles are tagged: a tensor [tokens, channels], some of the tokens."""
    import torch

    seen: dict[str, list[Any]] = {name: [] for name in layers}
    hooks = [
        layer.register_forward_pre_hook(lambda _, given, name=name: seen[name].append(given[0].detach().flatten(0, -2)[::3]))
        for name, layer in layers.items()
    ]
    tagger.logits(articles)
    for hook in hooks:
        hook.remove()
    return {name: torch.cat(found) for name, found in seen.items()}


def _module_of(node: Any) -> str:
    """Return the name of the torch module a node was made of."""
    scopes = [entry.value for entry in node.metadata_props if entry.key == "pkg.torch.onnx.name_scopes"]
    return str(ast.literal_eval(scopes[0])[-2]) if scopes else ""
