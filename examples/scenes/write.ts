/** Scenes as folders of PNG files, for the commands and for other programs: pictures, label maps, COCO's JSON. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { PNG } from 'pngjs';

import { annotationsOf, CATEGORIES } from './annotations';
import { readItems } from './items';
import { makeScene, SCENE_CLASSES, SCENE_SIDE, TEST_SCENES, TEST_SEED } from './scene';
import { TRAINING } from './settings';

/** Writes pixels of one byte (grey) or three (RGB). */
function writePng(file: string, data: Uint8Array): void {
  const colorType = data.length === SCENE_SIDE * SCENE_SIDE ? 0 : 2;
  const png = Object.assign(new PNG({ width: SCENE_SIDE, height: SCENE_SIDE }), {
    data: Buffer.from(data),
  });
  const options = { colorType, inputColorType: colorType, inputHasAlpha: false } as const;
  fs.writeFileSync(file, PNG.sync.write(png, options));
}

/**
 * Writes `count` scenes for training and those for testing: `PART/images`, `PART/labels` (class of each pixel),
 * `PART/instances` (object of each pixel, from 1), `PART/instances.json` in COCO's form, whose categories count
 * from 1, and `classes.txt`.
 */
export async function writeFolders(folder: string, out: string, count: number): Promise<void> {
  for (const [part, seed, scenes] of [
    ['train', TRAINING.seed, count],
    ['test', TEST_SEED, TEST_SCENES],
  ] as const) {
    const place = (...names: string[]) => path.join(out, part, ...names);
    for (const kind of ['images', 'labels', 'instances']) {
      fs.mkdirSync(place(kind), { recursive: true });
    }
    const items = readItems(folder, part);
    const [images, annotations]: [object[], object[]] = [[], []];
    for (let i = 0; i < scenes; i++) {
      const scene = makeScene(items, seed, i);
      const { pixels, labels, instances } = scene;
      const name = `${String(i).padStart(5, '0')}.png`;
      writePng(place('images', name), pixels);
      writePng(place('labels', name), labels);
      writePng(place('instances', name), instances);
      images.push({ id: i + 1, file_name: name, width: SCENE_SIDE, height: SCENE_SIDE });
      annotations.push(...annotationsOf(scene, i + 1, annotations.length + 1));
    }
    fs.writeFileSync(
      place('instances.json'),
      JSON.stringify({ images, annotations, categories: CATEGORIES }),
    );
    console.log(`${part}: ${scenes} scenes, ${annotations.length} objects`);
  }
  fs.writeFileSync(path.join(out, 'classes.txt'), `${SCENE_CLASSES.join('\n')}\n`);
}
