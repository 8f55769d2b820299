/** Scenes as folders of PNG files, for the commands and for other programs: pictures, label maps, COCO's JSON. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { PNG } from 'pngjs';

import { ITEM_CLASSES, readItems } from './items';
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
      const { pixels, labels, instances, objects } = makeScene(items, seed, i);
      const name = `${String(i).padStart(5, '0')}.png`;
      writePng(place('images', name), pixels);
      writePng(place('labels', name), labels);
      writePng(place('instances', name), instances);
      images.push({ id: i + 1, file_name: name, width: SCENE_SIDE, height: SCENE_SIDE });
      objects.forEach(({ label, box: [x1, y1, x2, y2], area }, k) => {
        annotations.push({
          id: annotations.length + 1,
          image_id: i + 1,
          category_id: label + 1,
          bbox: [x1, y1, x2 - x1, y2 - y1],
          area,
          iscrowd: 0,
          segmentation: { size: [SCENE_SIDE, SCENE_SIDE], counts: runLengths(instances, k + 1) },
        });
      });
    }
    const categories = ITEM_CLASSES.map((name, c) => ({ id: c + 1, name }));
    fs.writeFileSync(place('instances.json'), JSON.stringify({ images, annotations, categories }));
    console.log(`${part}: ${scenes} scenes, ${annotations.length} objects`);
  }
  fs.writeFileSync(path.join(out, 'classes.txt'), `${SCENE_CLASSES.join('\n')}\n`);
}

/** Run lengths of an object's mask as COCO counts them: column by column, zeros first. */
function runLengths(instances: Uint8Array, id: number): number[] {
  const counts: number[] = [];
  let [isObject, length] = [false, 0];
  for (let x = 0; x < SCENE_SIDE; x++) {
    for (let y = 0; y < SCENE_SIDE; y++) {
      const isOwn = instances[SCENE_SIDE * y + x] === id;
      if (isOwn !== isObject) {
        counts.push(length);
        [isObject, length] = [isOwn, 0];
      }
      length++;
    }
  }
  return [...counts, length];
}
