"""Writes the PyTorch network of a task as an ONNX file, whose input is the suite's: images [batch, height,
width, channels]. Called by onnx.ts: export_onnx.py TASK FILE.
"""
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

sys.path.insert(0, str(Path(__file__).resolve().parent))
from image_model import ImageRevCol  # noqa: E402
from token_model import TokenRevCol  # noqa: E402


class FromImages(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, images):
        return self.model(images.permute(0, 3, 1, 2))


task, file = json.loads(sys.argv[1]), sys.argv[2]
workload = task["workload"]
network = workload["network"]
if network["kind"] == "image":
    model = ImageRevCol(network)
    model.load_file_weights(load_file(task["weights"]))
    model = FromImages(model)
    example = torch.zeros(workload["batch"], workload["extent"], workload["extent"], network["inputChannels"])
else:
    model = TokenRevCol(network)
    model.load_file_weights(load_file(task["weights"]))
    example = torch.zeros(workload["batch"], workload["extent"], dtype=torch.long)
with torch.no_grad():
    # Opset 20 has Gelu as an operator of its own, 17 LayerNormalization.
    torch.onnx.export(
        model.eval(), (example,), file, input_names=["x"], output_names=["logits"],
        opset_version=20, dynamo=False)
