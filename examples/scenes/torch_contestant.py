"""The other contestant: a PyTorch UPerNet on RevCol, trained on the same scenes in the same steps.

Takes what `scenes.ts export` has written: scenes, order, what is mirrored, and the weights to begin with. The
network comes from a file of one's own that defines `UPerNet(channels, depths, columns, classes, width, aux_width)`
with `losses(x, label)` and `encode_decode(x)` under mmsegmentation's names.

    .peers/python/bin/python examples/scenes/torch_contestant.py --peer dense_torch.py --out out/scenes
"""
import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch

parser = argparse.ArgumentParser()
parser.add_argument("--peer", type=Path, required=True)
parser.add_argument("--out", type=Path, default=Path("out/scenes"))
parser.add_argument("--threads", type=int, default=1)
arguments = parser.parse_args()
torch.set_num_threads(arguments.threads)
sys.path.insert(0, str(arguments.peer.resolve().parent))
peer = __import__(arguments.peer.stem)

out = arguments.out
settings = json.loads((out / "settings.json").read_text())
network, training, side = settings["network"], settings["training"], settings["side"]
steps, batch, classes = settings["steps"], training["batch"], len(settings["classes"])
torch.manual_seed(training["seed"])

MEAN = torch.tensor(settings["mean"]).view(1, 3, 1, 1)
STD = torch.tensor(settings["std"]).view(1, 3, 1, 1)


def scenes(part):
    pixels = np.memmap(out / f"{part}.pixels", np.uint8, "r").reshape(-1, side, side, 3)
    labels = np.memmap(out / f"{part}.labels", np.uint8, "r").reshape(-1, side, side)
    return pixels, labels


def images(pixels):
    return (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255 - MEAN) / STD


model = peer.UPerNet(network["channels"], network["depths"], network["columns"], classes,
                     network["headChannels"], network["auxiliaryChannels"])
first = torch.load(out / "init.pth", weights_only=False)["state_dict"]
missing, unexpected = model.load_state_dict(first, strict=False)
# The alphas of the first column are part of PyTorch's network, and of no effect.
wrong = [name for name in missing if not name.startswith("backbone.subnet0.alpha")]
if wrong or unexpected:
    raise SystemExit(f"the weights to begin with do not fit: missing {wrong}, unexpected {unexpected}")

# As mmsegmentation's configurations for RevCol have it: no decay of vectors, biases and alphas.
plain = [p for n, p in model.named_parameters() if p.ndim == 1 or n.endswith(".bias") or ".alpha" in n]
chosen = {id(p) for p in plain}
decayed = [p for p in model.parameters() if id(p) not in chosen]
optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": training["weightDecay"]},
                               {"params": plain, "weight_decay": 0.0}], lr=training["peak"])


def rate(step):
    """mmsegmentation's poly schedule of power 1 with a linear warm-up on top, before step `step` from 0."""
    value = training["peak"] * (1 - step / steps)
    warm = training["warmupSteps"]
    return value * (1 - (1 - step / warm) * (1 - 1e-6)) if step < warm else value


pixels, labels = scenes("train")
# For every place the number of the scene, and 1 where it is mirrored.
order = np.fromfile(out / "order.int32", np.int32).reshape(-1, 2)


def mirrored(values, flags):
    return np.stack([value[:, ::-1] if flag else value for value, flag in zip(values, flags)])


state, journal = out / "torch.state.pth", out / "torch.jsonl"
step = 0
if state.exists():
    saved = torch.load(state, weights_only=False)
    model.load_state_dict(saved["model"])
    optimizer.load_state_dict(saved["optimizer"])
    torch.set_rng_state(saved["random"])
    step = saved["step"]

model.train()
seconds, taken = 0.0, 0
while step < steps:
    start = time.perf_counter()
    indices, flags = order[step * batch:(step + 1) * batch].T
    x, y = mirrored(pixels[indices], flags), mirrored(labels[indices], flags)
    for group in optimizer.param_groups:
        group["lr"] = rate(step)
    loss = model.losses(images(x), torch.from_numpy(y).long())["loss"]
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    seconds, taken = seconds + time.perf_counter() - start, taken + 1
    with journal.open("a") as file:
        file.write(json.dumps([step, loss.item()]) + "\n")
    if step % 100 == 0:
        print(f"torch: step {step} of {steps}, loss {loss.item():.4f}, {seconds / taken:.2f} s each", flush=True)
    step += 1
    if step % 200 == 0 or step == steps:
        part = state.with_suffix(".part")
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(),
                    "random": torch.get_rng_state(), "step": step}, part)
        part.replace(state)

model.eval()
test_pixels, test_labels = scenes("test")
found = []
with torch.inference_mode():
    for i in range(len(test_pixels)):
        found.append(model.encode_decode(images(test_pixels[i:i + 1].copy())).argmax(1)[0])
result = peer.mean_iou(found, [torch.from_numpy(y.copy()).long() for y in test_labels], classes)
parameters = sum(p.numel() for p in model.parameters())
(out / "torch.json").write_text(json.dumps({
    "versions": {"torch": torch.__version__}, "parameters": parameters, "steps": steps,
    "secondsPerStep": seconds / max(1, taken),
    **{key: value.tolist() for key, value in result.items()}}, indent=1))
print("torch: mIoU", float(result["mIoU"]))
