"""Writes images.json: image files and the RGB bytes that Pillow reads from them. Run: python make_image_fixture.py"""

import base64
import io
import json
import math
import pathlib

import PIL
from PIL import Image


def smooth(width, height):
    """Colours that change slowly, as in photographs."""
    data = bytearray()
    for y in range(height):
        for x in range(width):
            for c in range(3):
                data.append(int(128 + 100 * math.sin(x / 9 + c) * math.cos(y / 7 - c)))
    return Image.frombytes("RGB", (width, height), bytes(data))


image = smooth(45, 34)
FILES = {
    "jpeg 4:2:0": (image, "JPEG", {"quality": 90, "subsampling": 2}),
    "jpeg 4:4:4": (image, "JPEG", {"quality": 95, "subsampling": 0}),
    "jpeg progressive": (image, "JPEG", {"quality": 90, "progressive": True}),
    "jpeg grey": (image.convert("L"), "JPEG", {"quality": 90}),
    "png": (image, "PNG", {}),
    "png grey": (image.convert("L"), "PNG", {}),
    "png palette": (image.quantize(64), "PNG", {}),
    "png alpha": (image.convert("RGBA"), "PNG", {}),
    "png one bit": (image.convert("1"), "PNG", {}),
}
fixture = {"pillow": PIL.__version__, "width": 45, "height": 34, "files": {}}
for name, (picture, kind, options) in FILES.items():
    if name == "png alpha":
        picture.putalpha(picture.getchannel("R"))
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    rgb = Image.open(io.BytesIO(buffer.getvalue())).convert("RGB").tobytes()
    fixture["files"][name] = {"file": base64.b64encode(buffer.getvalue()).decode(),
                              "rgb": base64.b64encode(rgb).decode()}
pathlib.Path(__file__).with_name("images.json").write_text(json.dumps(fixture, indent=1) + "\n")
