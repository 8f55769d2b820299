/** The thread in which picture files are read, decoded and made to fit. Loads no tfjs. */
import { readFile, stat } from 'node:fs/promises';
import { parentPort } from 'node:worker_threads';

import { messageOf } from '../common/messages';
import { fitImage } from '../preprocessing/fit_image';
import { decodeShown } from './decode_image';
import type { DecodeAnswer, DecodeRequest } from './decoder_pool';

async function answer({ file, fit }: DecodeRequest): Promise<DecodeAnswer> {
  try {
    // A pipe would never end.
    if (!(await stat(file)).isFile()) throw new Error('it is no file');
    const decoded = await decodeShown(await readFile(file), file);
    const image = fit ? fitImage(decoded, fit) : decoded;
    // A buffer of its own, which can be handed over.
    const data = image.data.length < image.data.buffer.byteLength ? image.data.slice() : image.data;
    return { image: { ...image, data } };
  } catch (error) {
    const message = messageOf(error);
    return { message: message.includes(file) ? message : `${file}: ${message}` };
  }
}

parentPort?.on('message', (request: DecodeRequest) => {
  void answer(request).then((given) => {
    const handedOver = 'image' in given ? [given.image.data.buffer as ArrayBuffer] : [];
    parentPort?.postMessage(given, handedOver);
  });
});
