/** A sheet of scenes for the guide: the scenes, their labels, and what the trained network finds. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { PNG } from 'pngjs';

import { loadCheckpoint, paintSegmentation, segment } from 'tfjs-revcol';
import { network } from './contestant';
import { readPictures } from './dataset';
import { SCENE_CLASSES, SCENE_SIDE } from './scene';

/** Scenes for testing that are shown, side by side. */
const SHOWN = [0, 1, 2, 3, 4, 5];
/** Between pictures, in pixels. */
const GAP = 4;

/** Ground black, items around the wheel of colours. */
const PALETTE = SCENE_CLASSES.map((_, i): [number, number, number] => {
  const channel = (shift: number) => {
    const at = ((i - 1) / (SCENE_CLASSES.length - 1) + shift) % 1;
    return Math.round(255 * Math.min(1, Math.max(0, Math.abs(6 * at - 3) - 1)));
  };
  return i === 0 ? [0, 0, 0] : [channel(0), channel(2 / 3), channel(1 / 3)];
});

/** Writes docs/assets/scenes.png: rows of scenes, of what is there, and, once it is trained, of what is found. */
export async function paint(out: string): Promise<void> {
  const weights = path.join(out, 'reversible.trained.safetensors');
  const model = fs.existsSync(weights) ? network('reversible') : null;
  if (model) await loadCheckpoint(model, weights);
  const { pixels, labels } = readPictures(out, 'test', 0, SHOWN.length);
  const step = SCENE_SIDE + GAP;
  const sheet = new PNG({ width: SHOWN.length * step - GAP, height: (model ? 3 : 2) * step - GAP });
  sheet.data.fill(255);
  const size = SCENE_SIDE * SCENE_SIDE;
  for (const [column, index] of SHOWN.entries()) {
    const data = pixels.subarray(3 * size * index, 3 * size * (index + 1));
    const image = { width: SCENE_SIDE, height: SCENE_SIDE, data };
    const map = labels.subarray(size * index, size * (index + 1));
    const known = { ...image, map, classes: SCENE_CLASSES, palette: PALETTE, areas: [] };
    const found = model
      ? [await segment(model, image, { classes: SCENE_CLASSES, palette: PALETTE })]
      : [];
    const painted = [known, ...found].map((one) => paintSegmentation(one, image, 1));
    [image, ...painted].forEach((shown, row) => {
      for (let i = 0; i < size; i++) {
        const [x, y] = [column * step + (i % SCENE_SIDE), row * step + Math.floor(i / SCENE_SIDE)];
        sheet.data.set(shown.data.subarray(3 * i, 3 * i + 3), 4 * (y * sheet.width + x));
      }
    });
  }
  model?.dispose();
  const file = new URL('../../docs/assets/scenes.png', import.meta.url);
  fs.writeFileSync(file, PNG.sync.write(sheet));
}
