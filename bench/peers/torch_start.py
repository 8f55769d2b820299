"""A start with PyTorch: import, a network of RevCol-Tiny's size, its first result. Started by the suite."""
import json
import sys
from pathlib import Path


def say(step, **rest):
    print("@bench " + json.dumps({"step": step, **rest}), flush=True)


say("process")
import torch  # noqa: E402

say("imports")
sys.path.insert(0, str(Path(__file__).resolve().parent))
from image_model import ImageRevCol  # noqa: E402

say("backend")
model = ImageRevCol({
    "columns": 4, "channels": [64, 128, 256, 512], "depths": [2, 2, 4, 2], "patchSize": 4, "kernelSize": 3,
    "inputChannels": 3, "classes": 1000}).to(memory_format=torch.channels_last).eval()
say("network")
with torch.inference_mode():
    images = torch.zeros(1, 224, 224, 3).permute(0, 3, 1, 2)
    model(images)
    say("first result")
    model(images)
say("second result", versions={"torch": torch.__version__, "python": sys.version.split()[0]})
sys.stdin.read()
