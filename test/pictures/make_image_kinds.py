"""Writes image_kinds.json: every kind of PNG and of CMYK JPEG, and the RGB bytes that Pillow reads from them.

Run: python make_image_kinds.py. Most files are made here byte by byte, of random samples, because Pillow writes
only few of the kinds that it reads.
"""

import base64
import io
import json
import pathlib
import random
import struct
import warnings
import zlib

import PIL
from PIL import Image

random.seed(9)
WIDTH, HEIGHT = 11, 9
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
NAMES = {0: "grey", 2: "rgb", 3: "palette", 4: "grey and alpha", 6: "rgba"}
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def rows(width, height, bits, filtered, choice):
    length = (width * bits + 7) // 8
    if width == 0:
        return b""
    # Any bytes are the filtered form of some pixels.
    return b"".join(
        bytes([random.randrange(5) if filtered else 0]) + bytes(random.choice(choice) for _ in range(length))
        for _ in range(height)
    )


def png(colour, depth, interlaced=False, extra=b"", filtered=True, choice=range(256), data=None):
    bits = SAMPLES[colour] * depth
    passes = ADAM7 if interlaced else ((0, 0, 1, 1),)
    data = data or b"".join(
        rows((WIDTH - x + dx - 1) // dx, (HEIGHT - y + dy - 1) // dy, bits, filtered, choice)
        for x, y, dx, dy in passes
    )
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, depth, colour, 0, 0, int(interlaced))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + extra
        + chunk(b"IDAT", zlib.compress(data, 9))
        + chunk(b"IEND", b"")
    )


def palette(count):
    return chunk(b"PLTE", random.randbytes(3 * count))


def transparent(colour):
    """The transparent colour that a file of 0 and 255 bytes has most likely; for palettes, an alpha of each entry."""
    if colour == 3:
        return chunk(b"tRNS", bytes([0, 128]))
    return chunk(b"tRNS", b"\xff" * 2 * SAMPLES[colour])


def pngs():
    for colour, depths in DEPTHS.items():
        for depth in depths:
            for interlaced in (False, True):
                name = f"png {NAMES[colour]}, {depth} bits" + (", interlaced" if interlaced else "")
                colours = palette(2**depth) if colour == 3 else b""
                yield name, png(colour, depth, interlaced, colours)
            if colour in (0, 2, 3):
                name = f"png {NAMES[colour]}, {depth} bits, transparent colour"
                yield name, png(colour, depth, False, colours + transparent(colour), False, (0, 255))
    # Most values of the others are beyond 255, where Pillow has white.
    dark = b"".join(b"\0" + b"".join(bytes([0, random.randrange(256)]) for _ in range(WIDTH)) for _ in range(HEIGHT))
    yield "png grey, 16 bits, dark", png(0, 16, data=dark)
    yield "png palette, 8 bits, too short", png(3, 8, False, palette(3), False, range(6))
    yield "png palette, 2 bits, too short", png(3, 2, True, palette(1))
    yield "png palette, 4 bits, not whole", png(3, 4, False, chunk(b"PLTE", random.randbytes(19)))
    yield "png rgb, 8 bits, suggested palette and gamma", png(
        2, 8, False, chunk(b"gAMA", struct.pack(">I", 100000)) + palette(4)
    )


def cmyk(width, height):
    """Colours that change slowly, with some noise."""
    return Image.merge(
        "CMYK",
        [
            Image.frombytes(
                "L",
                (width, height),
                bytes(
                    min(255, (x * (3 + c) + y * (5 - c) + 40 * c + random.randrange(12)) % 256)
                    for y in range(height)
                    for x in range(width)
                ),
            )
            for c in range(4)
        ],
    )


def segment(marker, data):
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + bytes(data)


def adobe(file, transform):
    """A Pillow file with another colour transform in its Adobe marker; None: without the marker."""
    at = file.index(b"\xff\xee")
    if transform is None:
        return file[:at] + file[at + 16 :]
    return file[: at + 15] + bytes([transform]) + file[at + 16 :]


def baseline(sampling, transform, restart=0):
    """A JPEG of random coefficients whose components are sampled so, which Pillow does not write."""
    width, height = 37, 21
    across, down = max(h for h, _ in sampling), max(v for _, v in sampling)
    columns, lines = -(-width // (8 * across)), -(-height // (8 * down))
    sizes = list(range(8))
    runs = [0x00, 0xF0] + [run << 4 | size for run in (0, 1, 5) for size in (1, 2, 3, 4)]
    bits, data, last, restarts = "", b"", [0] * len(sampling), 0

    def flush(bits):
        bits += "1" * (-len(bits) % 8)
        raw = bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))
        return raw.replace(b"\xff", b"\xff\x00")

    def magnitude(value):
        size = abs(value).bit_length()
        return size, format(value if value > 0 else value + 2**size - 1, f"0{size}b") if size else ""

    for unit in range(columns * lines):
        if restart and unit and unit % restart == 0:
            data += flush(bits) + bytes([0xFF, 0xD0 + restarts % 8])
            bits, last, restarts = "", [0] * len(sampling), restarts + 1
        for c, (h, v) in enumerate(sampling):
            for _ in range(h * v):
                level = max(-60, min(60, last[c] + random.randint(-40, 40)))
                size, code = magnitude(level - last[c])
                last[c] = level
                bits += format(sizes.index(size), "04b") + code
                at = 1
                while True:
                    symbol = random.choice([s for s in runs if s not in (0x00, 0xF0)] + [0x00] * 6 + [0xF0] * (at < 20))
                    step = (symbol >> 4) + 1
                    if symbol == 0 or at + step > 63:
                        bits += format(runs.index(0x00), "05b")
                        break
                    bits += format(runs.index(symbol), "05b")
                    bits += "".join(random.choice("01") for _ in range(symbol & 15))
                    at += step
    data += flush(bits)
    ids = range(1, len(sampling) + 1)
    return (
        b"\xff\xd8"
        + (b"" if transform is None else segment(0xEE, b"Adobe" + bytes([0, 100, 0, 0, 0, 0, transform])))
        + segment(0xDB, [0] + [8] * 64)
        + segment(0xC0, [8, 0, height, 0, width, len(sampling)] + [b for i in ids for b in (i, sampling[i - 1][0] << 4 | sampling[i - 1][1], 0)])
        + segment(0xC4, [0] + [0, 0, 0, len(sizes)] + [0] * 12 + sizes)
        + segment(0xC4, [0x10] + [0, 0, 0, 0, len(runs)] + [0] * 11 + runs)
        + (segment(0xDD, [restart >> 8, restart & 255]) if restart else b"")
        + segment(0xDA, [len(sampling)] + [b for i in ids for b in (i, 0)] + [0, 63, 0])
        + data
        + b"\xff\xd9"
    )


def jpegs():
    image = cmyk(37, 21)

    def saved(**options):
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=85, **options)
        return buffer.getvalue()

    yield "jpeg cmyk", saved()
    yield "jpeg cmyk, subsampled", saved(subsampling=2)
    yield "jpeg cmyk, progressive", saved(progressive=True)
    yield "jpeg cmyk, progressive, subsampled", saved(progressive=True, subsampling=1)
    yield "jpeg cmyk, restarts", saved(restart_marker_blocks=2)
    yield "jpeg cmyk, own tables", saved(optimize=True)
    yield "jpeg cmyk, no Adobe marker", adobe(saved(), None)
    yield "jpeg ycck", adobe(saved(), 2)
    yield "jpeg ycck, progressive", adobe(saved(progressive=True, restart_marker_rows=1), 2)
    yield "jpeg ycck, subsampled", baseline([(2, 2), (1, 1), (1, 1), (2, 2)], 2)
    yield "jpeg ycck, subsampled across, restarts", baseline([(2, 1), (1, 1), (1, 1), (2, 1)], 2, 2)
    yield "jpeg ycck, black subsampled, too", baseline([(2, 2), (1, 1), (1, 1), (1, 1)], 2)
    yield "jpeg cmyk, largest component third", baseline([(1, 1), (1, 1), (2, 2), (1, 2)], 0)
    yield "jpeg rgb, subsampled", baseline([(1, 1), (2, 2), (1, 1)], 0)
    yield "jpeg 4:1:1", baseline([(4, 1), (1, 1), (1, 1)], 1)


warnings.simplefilter("ignore")
fixture = {"pillow": PIL.__version__, "files": {}}
for name, file in [*pngs(), *jpegs()]:
    picture = Image.open(io.BytesIO(file))
    fixture["files"][name] = {
        "width": picture.width,
        "height": picture.height,
        "file": base64.b64encode(file).decode(),
        "rgb": base64.b64encode(picture.convert("RGB").tobytes()).decode(),
    }
pathlib.Path(__file__).with_name("image_kinds.json").write_text(json.dumps(fixture, indent=1) + "\n")
