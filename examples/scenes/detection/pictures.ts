/** A sheet of scenes for the guide: what is there, and what the trained network finds. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { PNG } from 'pngjs';

import {
  DetectedObject,
  type Detections,
  loadCheckpoint,
  paintDetections,
  type PixelImage,
} from 'tfjs-revcol';
import { ITEM_CLASSES } from '../items';
import { SCENE_SIDE } from '../scene';
import { surestApart } from './any_class';
import { foundIn, network } from './contestant';
import { readScene, testAnnotations } from './dataset';
import { readSettings } from './settings';

/** Scenes for testing that are shown, side by side. */
const SHOWN = [0, 2, 4, 5];
/** Pixels between pictures. */
const GAP = 4;

/** An object whose mask is known to the pixel. */
class KnownObject extends DetectedObject {
  constructor(
    box: DetectedObject['box'],
    label: number,
    private readonly pixels: Uint8Array,
  ) {
    super(box, 1, label, ITEM_CLASSES[label] as string, null);
  }

  override get mask(): Uint8Array {
    return this.pixels;
  }
}

/** The objects that are in a scene, as if they had been found. */
function thereIn(out: string, index: number, instances: Uint8Array): Detections {
  const own = testAnnotations(out).annotations.filter(({ image_id: id }) => id === index + 1);
  const objects = own.map(({ bbox: [x, y, width, height], category_id: category }, k) => {
    const pixels = instances.map((id) => Number(id === k + 1));
    return new KnownObject([x, y, x + width, y + height], category - 1, pixels);
  });
  return { width: SCENE_SIDE, height: SCENE_SIDE, classes: ITEM_CLASSES, objects };
}

/** Writes docs/assets/scene-objects.png: scenes, boxes and masks that are there, and as many that are found. */
export async function paint(out: string): Promise<void> {
  const settings = readSettings(out);
  const model = network(settings, 'reversible');
  await loadCheckpoint(model, path.join(out, 'reversible.trained.safetensors'));
  const step = SCENE_SIDE + GAP;
  const sheet = new PNG({ width: SHOWN.length * step - GAP, height: 3 * step - GAP });
  sheet.data.fill(255);
  for (const [column, index] of SHOWN.entries()) {
    const scene = readScene(out, 'test', index);
    const image = { width: SCENE_SIDE, height: SCENE_SIDE, data: scene.pixels };
    const found = await foundIn(model, scene, settings);
    const known = thereIn(out, index, scene.instances);
    // As many as there are, the surest: how high scores are goes with how long the training was.
    const apart = surestApart(found.objects, ({ box: [x1, y1, x2, y2] }) => [
      x1,
      y1,
      x2 - x1,
      y2 - y1,
    ]);
    const sure = apart.slice(0, known.objects.length);
    const rows: PixelImage[] = [
      image,
      paintDetections(known, image),
      paintDetections({ ...found, objects: sure }, image),
    ];
    console.log(
      `scene ${index}:`,
      sure.map(({ name, score }) => `${name} ${score.toFixed(2)}`).join(', ') || 'nothing',
    );
    rows.forEach((shown, row) => {
      for (let i = 0; i < SCENE_SIDE * SCENE_SIDE; i++) {
        const [x, y] = [column * step + (i % SCENE_SIDE), row * step + Math.floor(i / SCENE_SIDE)];
        sheet.data.set(shown.data.subarray(3 * i, 3 * i + 3), 4 * (y * sheet.width + x));
      }
    });
  }
  model.dispose();
  const file = new URL('../../../docs/assets/scene-objects.png', import.meta.url);
  fs.writeFileSync(
    file,
    PNG.sync.write(sheet, { colorType: 2, inputColorType: 6, inputHasAlpha: true }),
  );
}
