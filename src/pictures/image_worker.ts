/** The thread in which picture files are read, decoded, made to fit or augmented. Loads no tfjs. */
import { readFile, stat } from 'node:fs/promises';
import { parentPort } from 'node:worker_threads';

import { messageOf } from '../common/messages';
import { type ImageTransform, pixelTransform, type TransformRecipe } from '../data/pixel_transform';
import { fitImage } from '../preprocessing/fit_image';
import type { RgbImage } from '../preprocessing/image';
import { decodeShown } from './decode_image';
import type { DecodeAnswer, DecodeRequest } from './decoder_pool';

async function answer(request: DecodeRequest): Promise<DecodeAnswer> {
  const { file } = request;
  try {
    // A pipe would never end.
    if (!(await stat(file)).isFile()) throw new Error('it is no file');
    const image = await changed(await decodeShown(await readFile(file), file), request);
    // A buffer of its own, which can be handed over.
    const data = image.data.length < image.data.buffer.byteLength ? image.data.slice() : image.data;
    return { image: { ...image, data } };
  } catch (error) {
    const message = messageOf(error);
    return { message: message.includes(file) ? message : `${file}: ${message}` };
  }
}

function changed(image: RgbImage, { fit, transform }: DecodeRequest): RgbImage | Promise<RgbImage> {
  if (fit) return fitImage(image, fit);
  return transform ? transformOf(transform.recipe)(image, transform.index) : image;
}

let made: { text: string; transform: ImageTransform } | undefined;

/** A recipe is that of a whole epoch, and comes with each of its pictures. */
function transformOf(recipe: TransformRecipe): ImageTransform {
  const text = JSON.stringify(recipe);
  if (made?.text !== text) made = { text, transform: pixelTransform(recipe) };
  return made.transform;
}

parentPort?.on('message', (request: DecodeRequest) => {
  void answer(request).then((given) => {
    const handedOver = 'image' in given ? [given.image.data.buffer as ArrayBuffer] : [];
    parentPort?.postMessage(given, handedOver);
  });
});
