"""Writes opencv.json: what OpenCV and numpy make of pictures with boxes and masks, as mmdetection's RandomFlip, Resize
and RandomCrop call them.

    pip install numpy opencv-python-headless
    python make_opencv_fixture.py
"""

import hashlib
import json
import pathlib

import cv2
import numpy


def synthetic(width, height):
    y, x = numpy.mgrid[:height, :width]
    return numpy.stack([(x * 7 * (c + 1) + y * 13 + ((x * y) ^ (x * 31 + y * 17 + c * 101))) & 255
                        for c in range(3)], -1).astype(numpy.uint8)


def masks_of(width, height):
    y, x = numpy.mgrid[:height, :width]
    return [((x * 3 + y * 5 + (x * y) % 7) % 4 < 2), x * x < 9 * y, x + y < 0]


def digest(array):
    return hashlib.sha256(numpy.ascontiguousarray(array).tobytes()).hexdigest()[:16]


# width, height, boxes, steps: flip; resize short long; crop left top width height
BOXES = [[3.3, 2.7, 30.1, 20.9], [0, 0, 1, 1], [-4.5, 10.25, 100.3, 33.3]]
CASES = [
    (61, 47, [("resize", 94, 200)]),
    (61, 47, [("resize", 30, 200)]),
    (61, 47, [("flip",), ("resize", 40, 45)]),
    (60, 48, [("resize", 24, 100)]),
    (37, 80, [("flip",), ("resize", 50, 90), ("crop", 7, 9, 20, 31), ("resize", 33, 70)]),
    (61, 47, [("resize", 55, 64), ("crop", 0, 3, 64, 20), ("resize", 47, 60)]),
    (90, 2, [("resize", 8, 20)]),
    (1, 1, [("flip",), ("resize", 3, 5)]),
]

cases = []
for width, height, steps in CASES:
    image, masks = synthetic(width, height), [m.astype(numpy.uint8) for m in masks_of(width, height)]
    boxes = numpy.array(BOXES, numpy.float32)
    kept = numpy.arange(len(boxes))
    for name, *numbers in steps:
        h, w = image.shape[:2]
        if name == "flip":
            image, masks = image[:, ::-1], [m[:, ::-1] for m in masks]
            flipped = boxes.copy()
            flipped[:, 0], flipped[:, 2] = w - boxes[:, 2], w - boxes[:, 0]
            boxes = flipped
            continue
        if name == "resize":
            scale = min(max(numbers) / max(h, w), min(numbers) / min(h, w))
            size = max(1, int(w * float(scale) + 0.5)), max(1, int(h * float(scale) + 0.5))
            image = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
            masks = [cv2.resize(numpy.ascontiguousarray(m), size, interpolation=cv2.INTER_NEAREST) for m in masks]
            by = size[0] / w, size[1] / h
            boxes = boxes * numpy.array([*by, *by], numpy.float32)
        if name == "crop":
            left, top, wide, tall = numbers
            image = image[top:top + tall, left:left + wide]
            masks = [m[top:top + tall, left:left + wide] for m in masks]
            boxes = boxes - numpy.array([left, top, left, top], numpy.float32)
        h, w = image.shape[:2]
        boxes[:, 0::2] = numpy.clip(boxes[:, 0::2], 0, w)
        boxes[:, 1::2] = numpy.clip(boxes[:, 1::2], 0, h)
        if name == "crop":
            valid = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
            boxes, kept = boxes[valid], kept[valid]
            masks = [masks[i] for i in valid.nonzero()[0]]
    cases.append({"size": [width, height], "steps": steps, "result": [image.shape[1], image.shape[0]],
                  "image": digest(image), "boxes": boxes.tolist(), "kept": kept.tolist(),
                  "masks": [digest(m) for m in masks]})

fixture = {"opencv": cv2.__version__, "boxes": BOXES, "cases": cases}
pathlib.Path(__file__).with_name("opencv.json").write_text(json.dumps(fixture, indent=2) + "\n")
