"""Writes pillow.json: what Pillow makes of synthetic images. Run: python make_pillow_fixture.py"""

import base64
import hashlib
import json
import pathlib

import PIL
from PIL import Image

SQUASH = [(7, 5, 7, 5), (7, 5, 3, 2), (7, 5, 16, 11), (31, 17, 31, 6), (31, 17, 12, 17), (64, 48, 10, 33),
          (1, 1, 4, 3), (3, 200, 2, 9)]
FULL = [(500, 333, 224), (333, 500, 224), (256, 256, 224), (120, 97, 224), (301, 300, 224), (1024, 257, 64),
        (500, 333, 384), (400, 400, 32)]


def synthetic(width, height):
    data = bytearray()
    for y in range(height):
        for x in range(width):
            for c in range(3):
                data.append((x * 7 * (c + 1) + y * 13 + ((x * y) ^ (x * 31 + y * 17 + c * 101))) & 255)
    return Image.frombytes("RGB", (width, height), bytes(data))


def official(image, size):
    """`torchvision` on PIL images: Resize and CenterCrop as the published evaluation uses them."""
    if size > 224:
        return image.resize((size, size), Image.BICUBIC)
    short = int((256 / 224) * size)
    w, h = image.size
    if w <= h:
        w, h = short, int(short * h / w)
    else:
        w, h = int(short * w / h), short
    if (w, h) != image.size:
        image = image.resize((w, h), Image.BICUBIC)
    top = int(round((h - size) / 2.0))
    left = int(round((w - size) / 2.0))
    return image.crop((left, top, left + size, top + size))


fixture = {"pillow": PIL.__version__, "resized": [], "official": []}
for w, h, to_w, to_h in SQUASH:
    pixels = synthetic(w, h).resize((to_w, to_h), Image.BICUBIC).tobytes()
    fixture["resized"].append({"from": [w, h], "to": [to_w, to_h], "rgb": base64.b64encode(pixels).decode()})
for w, h, size in FULL:
    pixels = official(synthetic(w, h), size).tobytes()
    fixture["official"].append({"from": [w, h], "size": size, "head": list(pixels[:12]),
                                "sha256": hashlib.sha256(pixels).hexdigest()})
path = pathlib.Path(__file__).with_name("pillow.json")
path.write_text(json.dumps(fixture, indent=1) + "\n")
