"""Writes pillow.json: what Pillow, and timm's operations made of it, make of a synthetic image.

Needs Pillow, numpy, and the files of timm, which are read without torch:

    pip install pillow numpy && pip install --no-deps timm
    python make_pillow_fixture.py
"""

import hashlib
import importlib.util
import json
import pathlib
import random

import numpy
import PIL
from PIL import Image, ImageEnhance

FILL = (124, 116, 104)
WIDTH, HEIGHT = 61, 47

# As in the recipe: names that grow with the magnitude, and the others.
NAMES = ["AutoContrast", "Equalize", "Invert", "Rotate", "Posterize", "PosterizeIncreasing", "Solarize",
         "SolarizeIncreasing", "SolarizeAdd", "Color", "ColorIncreasing", "Contrast", "ContrastIncreasing",
         "Brightness", "BrightnessIncreasing", "Sharpness", "SharpnessIncreasing", "ShearX", "ShearY",
         "TranslateXRel", "TranslateYRel"]
GEOMETRIC = ["Rotate", "ShearX", "ShearY", "TranslateXRel", "TranslateYRel"]
MAGNITUDES = [0, 0.7, 2, 5, 8.6, 9, 10]
POLICIES = ["rand-m9-mstd0.5-inc1", "rand", "rand-n3-m7", "rand-m9-mstd101-inc1-p0.3", "rand-m5-mmax20-inc0",
            "rand-n1-tweights"]
FACTORS = [0, 0.2, 0.61, 1, 1.4, 1.9, 3]
TURNS = [-0.5, -0.31, -0.1, 0, 0.1, 0.25, 0.5]
# left, top, width, height of what is cut out; width, height of the result
CROPS = [(0, 0, 61, 47, 32, 32), (7, 5, 20, 31, 24, 24), (50, 40, 3, 4, 9, 8), (0, 46, 61, 1, 16, 16),
         (3, 2, 40, 40, 40, 40)]


def load_timm():
    """timm.data.auto_augment alone: the package itself imports torch."""
    folder = pathlib.Path(importlib.util.find_spec("timm").origin).parent
    spec = importlib.util.spec_from_file_location("auto_augment", folder / "data/auto_augment.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    version = {}
    exec((folder / "version.py").read_text(), version)
    return module, version["__version__"]


def synthetic(width, height):
    data = bytearray()
    for y in range(height):
        for x in range(width):
            for c in range(3):
                data.append((x * 7 * (c + 1) + y * 13 + ((x * y) ^ (x * 31 + y * 17 + c * 101))) & 255)
    return Image.frombytes("RGB", (width, height), bytes(data))


def dull(width, height):
    """Few values, of a narrow range, with one channel that is constant."""
    data = bytearray()
    for y in range(height):
        for x in range(width):
            data += bytes([60 + (x * y) % 9, 77, 100 + (x // 7 + y // 5) * 3 % 64])
    return Image.frombytes("RGB", (width, height), bytes(data))


def digest(image):
    return hashlib.sha256(image.tobytes()).hexdigest()[:16]


def hue(image, turns):
    """torchvision's adjust_hue on images of Pillow."""
    h, s, v = image.convert("HSV").split()
    h = Image.fromarray(numpy.array(h, dtype=numpy.uint8) + numpy.int32(turns * 255).astype(numpy.uint8), "L")
    return Image.merge("HSV", (h, s, v)).convert("RGB")


timm, version = load_timm()
images = {"synthetic": synthetic(WIDTH, HEIGHT), "dull": dull(WIDTH, HEIGHT)}
fixture = {"pillow": PIL.__version__, "timm": version, "operations": [], "enhanced": [], "hues": [], "crops": [],
           "policies": []}

for kind, image in images.items():
    for name in NAMES:
        for interpolation in ["bicubic", "bilinear"] if name in GEOMETRIC else ["bicubic"]:
            rows = {}
            for sign, draw in [("plus", 0.25), ("minus", 0.75)]:
                random.random = lambda: draw
                resample = Image.Resampling[interpolation.upper()]
                hparams = {"img_mean": FILL, "interpolation": resample}
                rows[sign] = [digest(timm.AugmentOp(name, 1.0, m, hparams)(image)) for m in MAGNITUDES]
            fixture["operations"].append({"image": kind, "name": name, "interpolation": interpolation, **rows})
    enhancers = {"brightness": ImageEnhance.Brightness, "contrast": ImageEnhance.Contrast,
                 "saturation": ImageEnhance.Color}
    for name, enhancer in enhancers.items():
        fixture["enhanced"].append({"image": kind, "name": name,
                                    "digests": [digest(enhancer(image).enhance(f)) for f in FACTORS]})
    fixture["hues"].append({"image": kind, "digests": [digest(hue(image, turns)) for turns in TURNS]})

# The hues of many colours.
colours = Image.frombytes("RGB", (256, 256), bytes(
    value for i in range(65536) for value in (i >> 8, i & 255, (i * 40503 >> 4) & 255)))
fixture["hues"].append({"image": "colours", "digests": [digest(hue(colours, turns)) for turns in TURNS]})

for left, top, width, height, to_width, to_height in CROPS:
    crop = images["synthetic"].crop((left, top, left + width, top + height))
    fixture["crops"].append({"region": [left, top, width, height], "size": [to_width, to_height],
                             "digest": digest(crop.resize((to_width, to_height), Image.BICUBIC))})

for text in POLICIES:
    policy = timm.rand_augment_transform(text, {"img_mean": FILL})
    weights = policy.choice_weights
    op = policy.ops[0]
    fixture["policies"].append({
        "text": text, "names": [o.name for o in policy.ops], "weights": None if weights is None else list(weights),
        "numOps": policy.num_layers, "magnitude": op.magnitude, "probability": op.prob,
        "magnitudeStd": str(op.magnitude_std), "magnitudeMax": op.magnitude_max})

fixture["magnitudes"], fixture["factors"], fixture["turns"] = MAGNITUDES, FACTORS, TURNS
path = pathlib.Path(__file__).with_name("pillow.json")
path.write_text(json.dumps(fixture, indent=1) + "\n")
