"""What OpenCV makes of bytes: hue, saturation, value; resizing; and the photometric distortion of mmsegmentation.

    pip install opencv-python-headless numpy
    python test/augmentation/make_opencv_colours.py > test/augmentation/opencv_colours.json
"""
import json

import cv2
import numpy as np

random = np.random.default_rng(1)


def listed(array):
    return np.asarray(array).reshape(-1).tolist()


def convert(image, alpha=1.0, beta=0.0):
    """`PhotoMetricDistortion.convert`: in float32, cut off to bytes."""
    return np.clip(image.astype(np.float32) * alpha + beta, 0, 255).astype(np.uint8)


def distorted(image, light, contrast_first, contrast, saturation, turn):
    """Its steps with what was drawn; None for a step that is left out."""
    if light is not None:
        image = convert(image, beta=light)
    if contrast_first and contrast is not None:
        image = convert(image, alpha=contrast)
    if saturation is not None:
        hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
        hsv[:, :, 1] = convert(hsv[:, :, 1], alpha=saturation)
        image = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    if turn is not None:
        hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
        hsv[:, :, 0] = (hsv[:, :, 0].astype(int) + turn) % 180
        image = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    if not contrast_first and contrast is not None:
        image = convert(image, alpha=contrast)
    return image


colours = random.integers(0, 256, (40, 25, 3), dtype=np.uint8)
colours[:2] = random.integers(0, 3, (2, 25, 3))
colours[2, :, 1] = colours[2, :, 0]
hsv = random.integers(0, 256, (40, 25, 3), dtype=np.uint8)
hsv[..., 0] %= 180

picture = random.integers(0, 256, (7, 5, 3), dtype=np.uint8)
labels = random.integers(0, 9, (7, 5), dtype=np.uint8)
sizes = [[7, 5], [14, 10], [3, 2], [9, 8], [1, 1], [20, 3]]

draws = [[None, True, None, None, None], [20.5, True, 1.25, None, None], [-31.25, False, 0.625, 1.375, 17],
         [11.0, True, 1.5, 0.5, -18], [None, False, 1.1875, 1.4375, -7], [3.75, True, 0.75, None, 5]]

print(json.dumps({
    "versions": {"opencv": cv2.__version__, "numpy": np.__version__},
    "colours": {"rgb": listed(colours), "hsv": listed(cv2.cvtColor(colours, cv2.COLOR_RGB2HSV))},
    "back": {"hsv": listed(hsv), "rgb": listed(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB))},
    "resized": {"picture": listed(picture), "labels": listed(labels), "sizes": [
        {"size": size,
         "bilinear": listed(cv2.resize(picture, size[::-1], interpolation=cv2.INTER_LINEAR)),
         "nearest": listed(cv2.resize(labels, size[::-1], interpolation=cv2.INTER_NEAREST))} for size in sizes]},
    "distorted": [{"drawn": d, "rgb": listed(distorted(colours[:8], *d))} for d in draws],
}, separators=(",", ":")))
