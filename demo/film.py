"""Makes an animated GIF of the pictures that `film.ts` has taken. Needs Pillow.

python3 demo/film.py out/film docs/assets/demo.gif
"""

import pathlib
import sys

from PIL import Image

WIDTH = 720
COLOURS = 64
# Milliseconds of the first pictures, of those while it learns, and of the last.
FIRST, NEXT, LAST = 1800, 450, 4000
STILL = 3

folder, out = sys.argv[1:]
files = sorted(pathlib.Path(folder).glob("*.png"))
frames = [Image.open(file).convert("RGB") for file in files]
frames = [f.resize((WIDTH, round(f.height * WIDTH / f.width)), Image.LANCZOS) for f in frames]
# One palette for all, so that what stands still has the same colours throughout; the maps must not lose theirs.
strip = Image.new("RGB", (WIDTH, sum(f.height for f in frames[::5])))
top = 0
for frame in frames[::5]:
    strip.paste(frame, (0, top))
    top += frame.height
palette = strip.quantize(COLOURS, dither=Image.Dither.NONE)
flat = [f.quantize(palette=palette, dither=Image.Dither.NONE) for f in frames]
durations = [FIRST if i < STILL else NEXT for i in range(len(flat))]
durations[-1] = LAST
flat[0].save(out, save_all=True, append_images=flat[1:], duration=durations, loop=0, optimize=True)
print(f"{out}: {pathlib.Path(out).stat().st_size} bytes, {len(flat)} pictures")
