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

SMOOTHING = 0.7  # SmoothQuant's alpha: how far the range of a layer's inputs is moved into its weights, from 0 to 1
WIDEST = 30  # standard deviations that the inputs of a layer in eight bits may span: if more, most inputs share a few steps


def smooth(model: "PreTrainedModel", tagger: "Tagger", articles: Sequence[Sequence[str]]) -> list[str]:
    """Prepare the encoder's linear layers for eight bits, in place; return the names of those that `quantize` may take.

    Inputs are divided, and weights multiplied, by a scale for each channel, so that no channel is much wider than the others
    (Xiao et al., SmoothQuant, ICML 2023, arXiv 2211.10438). A layer whose scaled inputs still span too much keeps
    its full width.

    Args:
        articles: lists of sentences, which are tagged to see what the inputs of the layers are.
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
            outputs: torch.Tensor = self.linear(inputs * self.inverse)
            return outputs

    layers = {
        name: module
        for name, module in model.base_model.named_modules(prefix=model.base_model_prefix)
        if isinstance(module, nn.Linear) and "layer." in name
    }
    names = []
    for name, inputs in _record_inputs(layers, tagger, articles).items():
        layer = layers[name]
        input_range, weight_range = inputs.abs().amax(0).clamp(min=1e-5), layer.weight.data.abs().amax(0).clamp(min=1e-5)
        scale = input_range**SMOOTHING / weight_range ** (1 - SMOOTHING)
        scaled = inputs / scale
        if (scaled.max() - scaled.min()) / scaled.std() <= WIDEST:
            model.set_submodule(name, Smoothed(layer, scale))
            names.append(f"{name}.linear")
    return names


def quantize(path: Path, layers: Sequence[str]) -> bool:
    """Bring the matrix products of these layers, torch modules by name, to eight bits; return whether there are any."""
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
        reduce_range=True,  # seven bits for weights: with eight, products can overflow on processors without VNNI
        weight_type=quantization.QuantType.QInt8,
        op_types_to_quantize=["MatMul"],
        nodes_to_quantize=nodes,
    )
    full.unlink()
    return True


def _record_inputs(layers: "dict[str, nn.Linear]", tagger: "Tagger", articles: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Tag articles; return the inputs of each layer for every third token: a tensor [tokens, channels]."""
    import torch

    recorded: dict[str, list[Any]] = {name: [] for name in layers}

    def record(name: str, inputs: tuple[Any, ...]) -> None:
        recorded[name].append(inputs[0].detach().flatten(0, -2)[::3])

    hooks = [
        layer.register_forward_pre_hook(lambda _, inputs, name=name: record(name, inputs)) for name, layer in layers.items()
    ]
    tagger.logits(articles)
    for hook in hooks:
        hook.remove()
    return {name: torch.cat(inputs) for name, inputs in recorded.items()}


def _module_of(node: Any) -> str:
    """Return the name of the torch module that a node was exported from."""
    scopes = [entry.value for entry in node.metadata_props if entry.key == "pkg.torch.onnx.name_scopes"]
    return str(ast.literal_eval(scopes[0])[-2]) if scopes else ""
