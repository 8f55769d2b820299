/** The thread in which picture files are read, decoded, made to fit or augmented. Loads no tfjs. */
import { readFile, stat } from 'node:fs/promises';
import { parentPort } from 'node:worker_threads';

import { type LabelledPixels, requireSameSize } from '../augmentation/segmentation_transform';
import { messageOf } from '../common/messages';
import { labelledTransform } from '../data/labelled_transform';
import { type ImageTransform, pixelTransform, type TransformRecipe } from '../data/pixel_transform';
import { classesOf, type LabelledRecipe } from '../data/segmentation_source';
import { fitImage } from '../preprocessing/fit_image';
import type { RgbImage } from '../preprocessing/image';
import { decodeShown } from './decode_image';
import { decodeLabelMap } from './decode_label_map';
import type { DecodeAnswer, DecodeRequest, LabelledRequest } from './decoder_pool';

async function answer(request: DecodeRequest | LabelledRequest): Promise<DecodeAnswer> {
  const { file } = request;
  try {
    if ('map' in request) {
      const { image, labels } = await labelled(request);
      return { image: ownBuffer(image), labels: ownBuffer(labels) };
    }
    const image = await changed(await decodeShown(await contentOf(file), file), request);
    return { image: ownBuffer(image) };
  } catch (error) {
    const message = messageOf(error);
    const isNamed = message.includes(file) || ('map' in request && message.includes(request.map));
    return { message: isNamed ? message : `${file}: ${message}` };
  }
}

async function contentOf(file: string): Promise<Uint8Array> {
  // A pipe would never end.
  if (!(await stat(file)).isFile()) throw new Error(`${file}: it is no file`);
  return readFile(file);
}

/** Pixels with a buffer of their own, which can be handed over. */
function ownBuffer<Pixels extends { data: Uint8Array | Uint8ClampedArray | Uint16Array }>(
  pixels: Pixels,
): Pixels {
  const { data } = pixels;
  return data.byteLength < data.buffer.byteLength ? { ...pixels, data: data.slice() } : pixels;
}

/** A picture and its label map, checked, and changed where that is asked for. */
async function labelled(request: LabelledRequest): Promise<LabelledPixels> {
  const { file, map, labels: options, transform } = request;
  const image = await decodeShown(await contentOf(file), file);
  const labels = classesOf(map, await decodeLabelMap(await contentOf(map), map), options);
  requireSameSize(map, image, labels);
  if (!transform) return { image, labels };
  const { recipe, index } = transform;
  return changeLabelled({ image, labels }, recipe, index);
}

function changed(image: RgbImage, { fit, transform }: DecodeRequest): RgbImage | Promise<RgbImage> {
  if (fit) return fitImage(image, fit);
  return transform ? transformOf(transform.recipe)(image, transform.index) : image;
}

/** Keeps what was made of a recipe last: it is that of a whole epoch, and comes with each of its pictures. */
function keptOf<Recipe, Made>(make: (recipe: Recipe) => Made): (recipe: Recipe) => Made {
  let kept: { text: string; made: Made } | undefined;
  return (recipe) => {
    const text = JSON.stringify(recipe);
    if (kept?.text !== text) kept = { text, made: make(recipe) };
    return kept.made;
  };
}

const transformOf = keptOf((recipe: TransformRecipe): ImageTransform => pixelTransform(recipe));
const changerOf = keptOf(labelledTransform);

function changeLabelled(
  { image, labels }: LabelledPixels,
  recipe: LabelledRecipe,
  index: number,
): LabelledPixels {
  return changerOf(recipe)(image, labels, index);
}

let last: Promise<void> = Promise.resolve();

parentPort?.on('message', (request: DecodeRequest | LabelledRequest | null) => {
  if (request === null) {
    // Ends this thread alone.
    void last.then(() => process.exit());
    return;
  }
  last = answer(request).then((given) => {
    const parts = 'image' in given ? [given.image, ...(given.labels ? [given.labels] : [])] : [];
    parentPort?.postMessage(
      given,
      parts.map(({ data }) => data.buffer as ArrayBuffer),
    );
  });
});
