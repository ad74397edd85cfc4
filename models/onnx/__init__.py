"""Export a trained model to ONNX, and run it without torch.

export        the command: a trained model → an exported model
eight_bits    bring the model's linear layers to eight bits
runtime       run an exported model with onnxruntime
"""
