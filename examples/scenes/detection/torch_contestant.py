"""The other contestant: a PyTorch Cascade Mask R-CNN on RevCol, trained on the same scenes in the same steps.

Takes what `scenes-detection.ts export` has written: scenes, order, what is mirrored, and the weights to begin with.
The network comes from a file of one's own that defines `CascadeMaskRCNN(channels, depths, columns, classes, width,
hidden, config=...)` with `losses(...)` and `predict(...)` under mmdetection's names, and `PUBLISHED`, its settings.

    .peers/python/bin/python examples/scenes/detection/torch_contestant.py --peer dense_torch.py
"""
import argparse
import copy
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch

parser = argparse.ArgumentParser()
parser.add_argument("--peer", type=Path, required=True)
parser.add_argument("--out", type=Path, default=Path("out/scenes-detection"))
parser.add_argument("--threads", type=int, default=1)
arguments = parser.parse_args()
torch.set_num_threads(arguments.threads)
sys.path.insert(0, str(arguments.peer.resolve().parent))
peer = __import__(arguments.peer.stem)

out = arguments.out
settings = json.loads((out / "settings.json").read_text())
network, training, side = settings["network"], settings["training"], settings["side"]
steps, batch, classes = training["steps"], training["batch"], len(settings["classes"])
torch.manual_seed(training["seed"])
choice = np.random.default_rng(training["seed"])

MEAN = torch.tensor(settings["mean"]).view(1, 3, 1, 1)
STD = torch.tensor(settings["std"]).view(1, 3, 1, 1)
META = {"img_shape": (side, side), "ori_shape": (side, side), "scale_factor": (1.0, 1.0, 1.0, 1.0)}


def scenes(part):
    pixels = np.memmap(out / f"{part}.pixels", np.uint8, "r").reshape(-1, side, side, 3)
    instances = np.memmap(out / f"{part}.instances", np.uint8, "r").reshape(-1, side, side)
    labels = np.memmap(out / f"{part}.classes", np.uint8, "r").reshape(len(pixels), -1)
    return pixels, instances, labels


def images(pixels):
    return (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255 - MEAN) / STD


def objects(instances, labels):
    """Boxes of what can be seen, classes, masks."""
    labels = labels[labels < classes]
    masks = np.stack([instances == k + 1 for k in range(len(labels))])
    boxes = []
    for mask in masks:
        rows, columns = mask.any(1).nonzero()[0], mask.any(0).nonzero()[0]
        boxes.append([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
    return (torch.tensor(np.array(boxes), dtype=torch.float32), torch.from_numpy(labels.astype(np.int64)),
            torch.from_numpy(masks.astype(np.float32)))


def sampler(assigned, rules, name):
    """mmdetection's RandomSampler."""
    positive, negative = (assigned > 0).nonzero()[:, 0], (assigned == 0).nonzero()[:, 0]
    most = int(rules["num"] * rules["positive"])
    if len(positive) > most:
        positive = positive[np.sort(choice.permutation(len(positive))[:most])]
    room = rules["num"] - len(positive)
    if len(negative) > room:
        negative = negative[np.sort(choice.permutation(len(negative))[:room])]
    return positive, negative


config = copy.deepcopy(peer.PUBLISHED)
config["finest_scale"] = network["finestScale"]
for part in ("rpn_train", "rpn_test"):
    config[part].update(nms_pre=training["proposals"], max_per_img=training["proposals"])
config["rpn_sample"]["num"], config["sample"]["num"] = training["anchorSamples"], training["regionSamples"]
model = peer.CascadeMaskRCNN(network["channels"], network["depths"], network["columns"], classes,
                             network["pyramidChannels"], network["hiddenChannels"], config=config)
first = torch.load(out / "init.pth", weights_only=False)["state_dict"]
missing, unexpected = model.load_state_dict(first, strict=False)
# The alphas of the first column are part of PyTorch's network, and of no effect.
wrong = [name for name in missing if not name.startswith("backbone.subnet0.alpha")]
if wrong or unexpected:
    raise SystemExit(f"the weights to begin with do not fit: missing {wrong}, unexpected {unexpected}")

# As mmdetection's configurations for RevCol have it: no decay of vectors, biases and alphas.
plain = [p for n, p in model.named_parameters() if p.ndim == 1 or n.endswith(".bias") or ".alpha" in n]
chosen = {id(p) for p in plain}
decayed = [p for p in model.parameters() if id(p) not in chosen]
optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": training["weightDecay"]},
                               {"params": plain, "weight_decay": 0.0}], lr=training["peak"])


def rate(step):
    """mmcv's step schedule with a linear warm-up on top, before step `step` from 0."""
    value = training["peak"] * 0.1 ** sum(at <= step for at in training["milestones"])
    warm = training["warmupSteps"]
    return value * (1 - (1 - step / warm) * (1 - 1e-3)) if step < warm else value


pixels, instances, labels = scenes("steps")
state, journal = out / "torch.state.pth", out / "torch.jsonl"
step = 0
if state.exists():
    saved = torch.load(state, weights_only=False)
    model.load_state_dict(saved["model"])
    optimizer.load_state_dict(saved["optimizer"])
    choice.bit_generator.state = saved["choice"]
    step = saved["step"]

model.train()
seconds, taken = 0.0, 0
while step < steps:
    start = time.process_time()
    own = range(step * batch, (step + 1) * batch)
    truths, classes_of, masks = zip(*[objects(instances[i], labels[i]) for i in own])
    for group in optimizer.param_groups:
        group["lr"] = rate(step)
    loss = model.losses(images(pixels[own.start:own.stop].copy()), [META] * batch, truths, classes_of, masks,
                        sampler)["loss"]
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    own_seconds = time.process_time() - start
    seconds, taken = seconds + own_seconds, taken + 1
    with journal.open("a") as file:
        file.write(json.dumps([step, loss.item(), own_seconds]) + "\n")
    if step % 50 == 0:
        print(f"torch: step {step} of {steps}, loss {loss.item():.4f}, {seconds / taken:.2f} processor seconds each", flush=True)
    step += 1
    if step % 50 == 0 or step == steps:
        part = state.with_suffix(".part")
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(),
                    "choice": choice.bit_generator.state, "step": step}, part)
        part.replace(state)


def run_lengths(mask):
    """Column by column, zeros first."""
    flat = mask.T.reshape(-1)
    edges = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff(np.concatenate([[0], edges, [len(flat)]])).tolist()
    return {"size": [side, side], "counts": counts if flat[0] == 0 else [0] + counts}


model.eval()
pixels, _, _ = scenes("test")
found = []
with torch.inference_mode():
    for i in range(len(pixels)):
        result = model.predict(images(pixels[i:i + 1].copy()), [META])
        for box, score, label, mask in zip(*(result[f"image.0.{name}"] for name in ("boxes", "scores", "labels", "masks"))):
            x1, y1, x2, y2 = box.tolist()
            found.append({"image_id": i + 1, "category_id": int(label) + 1, "score": float(score),
                          "bbox": [x1, y1, x2 - x1, y2 - y1], "segmentation": run_lengths(mask.numpy())})
(out / "torch.detections.json").write_text(json.dumps(found))
(out / "torch.json").write_text(json.dumps({
    "versions": {"torch": torch.__version__}, "parameters": sum(p.numel() for p in model.parameters()),
    "steps": steps}, indent=1))
print("torch:", len(found), "objects found")
