"""A trained model without torch.

export        a trained model → ONNX
eight_bits    its linear layers in eight bits
runtime       an exported model, run by onnxruntime
"""
