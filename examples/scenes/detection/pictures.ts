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
import { foundIn, network } from './contestant';
import { readScene, testAnnotations } from './dataset';

/** Scenes for testing that are shown, side by side. */
const SHOWN = [0, 1, 2, 3, 4, 5];
/** Objects that the network is less sure of are not shown. */
const SURE = 0.3;
/** Pixels of the sheet to a pixel of a scene, and between pictures. */
const [ZOOM, GAP] = [2, 6];

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

/** Writes docs/assets/scene-objects.png: scenes, boxes and masks that are there, and those that are found. */
export async function paint(out: string): Promise<void> {
  const model = network('reversible');
  await loadCheckpoint(model, path.join(out, 'reversible.trained.safetensors'));
  const side = ZOOM * SCENE_SIDE;
  const step = side + GAP;
  const sheet = new PNG({ width: SHOWN.length * step - GAP, height: 3 * step - GAP });
  sheet.data.fill(255);
  for (const [column, index] of SHOWN.entries()) {
    const scene = readScene(out, 'test', index);
    const image = { width: SCENE_SIDE, height: SCENE_SIDE, data: scene.pixels };
    const found = await foundIn(model, scene);
    const sure = found.objects.filter(({ score }) => score >= SURE);
    const rows: PixelImage[] = [
      image,
      paintDetections(thereIn(out, index, scene.instances), image),
      paintDetections({ ...found, objects: sure }, image),
    ];
    console.log(
      `scene ${index}:`,
      sure.map(({ name, score }) => `${name} ${score.toFixed(2)}`).join(', ') || 'nothing',
    );
    rows.forEach((shown, row) => {
      for (let y = 0; y < side; y++) {
        for (let x = 0; x < side; x++) {
          const from = 3 * (SCENE_SIDE * Math.floor(y / ZOOM) + Math.floor(x / ZOOM));
          const to = 4 * ((row * step + y) * sheet.width + column * step + x);
          sheet.data.set(shown.data.subarray(from, from + 3), to);
        }
      }
    });
  }
  model.dispose();
  const file = new URL('../../../docs/assets/scene-objects.png', import.meta.url);
  fs.writeFileSync(file, PNG.sync.write(sheet));
}
