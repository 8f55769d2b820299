/** Scenes with their objects as bytes: those for testing, and what every step of training sees. */
import * as fs from 'node:fs';
import * as path from 'node:path';

import {
  type CocoDataset,
  detectionTransform,
  encodeMask,
  epochOrder,
  seededRandom,
} from 'tfjs-revcol';
import { annotationsOf, CATEGORIES } from '../annotations';
import { type Items, readItems } from '../items';
import { makeScene, type Scene, SCENE_SIDE, TEST_SEED } from '../scene';
import type { Settings } from './settings';

/** Pictures behind each other, as files. */
export type Part = 'steps' | 'test';

/** Most objects of a scene. */
const MOST = 8;
/** In place of the class of an object that is not there. */
const NONE = 255;

const PIXELS = SCENE_SIDE * SCENE_SIDE;

/** Bytes of a scene in each of the files. */
const SIZES = { pixels: 3 * PIXELS, instances: PIXELS, classes: MOST } as const;
type Kind = keyof typeof SIZES;
const KINDS = Object.keys(SIZES) as Kind[];

/** A scene as it is kept. */
export interface KeptScene {
  /** RGB bytes. */
  readonly pixels: Uint8Array;
  /** Which object each pixel is of, from 1; 0 is the ground. */
  readonly instances: Uint8Array;
  /** Class of each object, 0..9; 255 behind the last. */
  readonly classes: Uint8Array;
}

/** Of the training items this share is held out where settings are tried. */
const HELD_OUT = 0.1;

/** The items of the scenes for testing, and of those that are learnt from. */
function itemsOf(folder: string, heldOut: boolean): { test: Items; train: Items } {
  const train = readItems(folder, 'train');
  if (!heldOut) return { test: readItems(folder, 'test'), train };
  const first = Math.floor(train.count * (1 - HELD_OUT));
  return {
    test: { count: train.count - first, item: (index) => train.item(first + index) },
    train: { count: first, item: (index) => train.item(index) },
  };
}

/**
 * Writes `PART.pixels`, `PART.instances`, `PART.classes`, the scenes for testing and those of all steps one after
 * another, half of them mirrored, and `test.json`, COCO's annotations of the former.
 */
export function writeDataset(
  folder: string,
  out: string,
  { training, tested, heldOut }: Settings,
): void {
  const items = itemsOf(folder, heldOut);
  const scenes = Array.from({ length: tested }, (_, i) => makeScene(items.test, TEST_SEED, i));
  write(out, 'test', tested, (i) => kept(scenes[i] as Scene));
  const annotations: CocoDataset['annotations'][number][] = [];
  scenes.forEach((scene, i) => {
    annotations.push(...annotationsOf(scene, i + 1, annotations.length + 1));
  });
  const images = scenes.map((_, i) => ({ id: i + 1, width: SCENE_SIDE, height: SCENE_SIDE }));
  const dataset: CocoDataset = { images, annotations, categories: CATEGORIES };
  fs.writeFileSync(path.join(out, 'test.json'), JSON.stringify(dataset));
  const { seed, scenes: count, steps, batch } = training;
  const transform = detectionTransform({
    shortSides: [SCENE_SIDE],
    longSide: SCENE_SIDE,
    crop: null,
  });
  write(out, 'steps', steps * batch, (i) => {
    const epoch = Math.floor(i / count);
    const index = epochOrder(seed, epoch, count)[i % count] as number;
    const { pixels, instances, objects } = makeScene(items.train, seed, index);
    const size = { width: SCENE_SIDE, height: SCENE_SIDE };
    const masks = objects.map((_, k) =>
      encodeMask({ ...size, data: instances.map((id) => Number(id === k + 1)) }),
    );
    const marked = {
      ...size,
      boxes: Float32Array.from(objects.flatMap(({ box }) => box)),
      labels: Int32Array.from(objects, ({ label }) => label),
      masks,
      crowds: new Float32Array(0),
    };
    const changed = transform({ ...size, data: pixels }, marked, seededRandom(seed, epoch, index));
    const ids = new Uint8Array(PIXELS);
    changed.masks?.forEach(({ data }, k) =>
      data.forEach((isOwn, at) => {
        if (isOwn) ids[at] = k + 1;
      }),
    );
    return {
      pixels: changed.image.data,
      instances: ids,
      classes: classesOf(Array.from(changed.labels)),
    };
  });
}

function kept({ pixels, instances, objects }: Scene): KeptScene {
  return { pixels, instances, classes: classesOf(objects.map(({ label }) => label)) };
}

function classesOf(labels: readonly number[]): Uint8Array {
  return Uint8Array.from({ length: MOST }, (_, k) => labels[k] ?? NONE);
}

function write(out: string, part: Part, count: number, make: (i: number) => KeptScene): void {
  const files = KINDS.map(
    (kind) => [kind, fs.openSync(path.join(out, `${part}.${kind}`), 'w')] as const,
  );
  for (let i = 0; i < count; i++) {
    const one = make(i);
    for (const [kind, file] of files) fs.writeSync(file, one[kind]);
  }
  for (const [, file] of files) fs.closeSync(file);
}

/** Reads one of the scenes that were written. */
export function readScene(out: string, part: Part, index: number): KeptScene {
  const read = (kind: Kind) => {
    const file = path.join(out, `${part}.${kind}`);
    if (!fs.existsSync(file)) {
      throw new Error(`${file} is not there; run scenes-detection.ts export first`);
    }
    const bytes = new Uint8Array(SIZES[kind]);
    const opened = fs.openSync(file, 'r');
    const got = fs.readSync(opened, bytes, 0, bytes.length, index * bytes.length);
    fs.closeSync(opened);
    if (got < bytes.length) {
      throw new Error(`${file} is cut short; run scenes-detection.ts export again`);
    }
    return bytes;
  };
  return { pixels: read('pixels'), instances: read('instances'), classes: read('classes') };
}

/** The annotations of the scenes for testing. */
export function testAnnotations(out: string): CocoDataset {
  return JSON.parse(fs.readFileSync(path.join(out, 'test.json'), 'utf8')) as CocoDataset;
}
