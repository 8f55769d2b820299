"""Writes shown.json: picture files and the RGB bytes that Pillow shows of them, upright. Run: python make_shown_fixture.py"""

import base64
import io
import json
import math
import pathlib

import PIL
from PIL import Image, ImageOps

ORIENTATION = 0x0112


def smooth(width, height):
    """Colours that change slowly, as in photographs."""
    data = bytearray()
    for y in range(height):
        for x in range(width):
            for c in range(3):
                data.append(int(128 + 100 * math.sin(x / 5 + c) * math.cos(y / 4 - c)))
    return Image.frombytes("RGB", (width, height), bytes(data))


def tagged(orientation, byte_order):
    """EXIF data with an orientation tag behind another one."""
    exif = Image.Exif()
    exif.endian = byte_order
    exif[0x010F] = "maker"
    exif[ORIENTATION] = orientation
    return exif


image = smooth(23, 14)
alpha = image.convert("RGBA")
alpha.putalpha(image.getchannel("R"))
FILES = {
    "webp": (image, "WEBP", {"quality": 80}),
    "webp lossless": (image, "WEBP", {"lossless": True}),
    "webp alpha": (alpha, "WEBP", {"lossless": True, "exact": True}),
    "webp lossy alpha": (alpha, "WEBP", {"quality": 80, "exact": True}),
}
for orientation in range(1, 9):
    exif = tagged(orientation, "<" if orientation % 2 else ">")
    FILES[f"jpeg turned {orientation}"] = (image, "JPEG", {"quality": 95, "exif": exif})
    FILES[f"png turned {orientation}"] = (image, "PNG", {"exif": exif})
FILES["webp turned 6"] = (image, "WEBP", {"quality": 80, "exif": tagged(6, "<")})
FILES["jpeg cmyk turned 8"] = (image.convert("CMYK"), "JPEG", {"quality": 95, "exif": tagged(8, ">")})
FILES["jpeg grey turned 3"] = (image.convert("L"), "JPEG", {"quality": 95, "exif": tagged(3, ">")})
FILES["jpeg turned 9"] = (image, "JPEG", {"quality": 95, "exif": tagged(9, "<")})

fixture = {"pillow": PIL.__version__, "files": {}}
for name, (picture, kind, options) in FILES.items():
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    seen = Image.open(io.BytesIO(buffer.getvalue()))
    rgb = ImageOps.exif_transpose(seen).convert("RGB")
    fixture["files"][name] = {
        "file": base64.b64encode(buffer.getvalue()).decode(),
        "width": rgb.width,
        "height": rgb.height,
        "rgb": base64.b64encode(rgb.tobytes()).decode(),
    }
pathlib.Path(__file__).with_name("shown.json").write_text(json.dumps(fixture, indent=1) + "\n")
