"""Bring an encoder's linear layers to eight bits.

`smooth(model, tagger, articles)` comes before the export, `quantize(path, layers)` after it.
"""

import ast
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedModel

    from models.tagger import Tagger

SMOOTHING = 0.7  # how far the range of a layer's inputs is moved into its weights; the authors' alpha
WIDEST = 30  # standard deviations that the inputs of a layer in eight bits may span: beyond, most of them share few steps


def smooth(model: "PreTrainedModel", tagger: "Tagger", articles: Sequence[Sequence[str]]) -> list[str]:
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


def quantize(path: Path, layers: Sequence[str]) -> bool:
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


def _inputs_of(layers: "dict[str, nn.Linear]", tagger: "Tagger", articles: Sequence[Sequence[str]]) -> dict[str, Any]:
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
