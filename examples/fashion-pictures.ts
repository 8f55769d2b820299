/**
 * Writes Fashion-MNIST (https://github.com/zalandoresearch/fashion-mnist, MIT) as folders of pictures, by
 * part and class, every other one as JPEG: what `imageFolder`, `fineTune` and the commands `train` and
 * `evaluate` read.
 *
 *   npx tsx examples/fashion-pictures.ts --data fashion-mnist --out pictures --train 200
 */
import * as fs from 'node:fs';
import * as path from 'node:path';

import { encodeJpeg, encodePng } from './pictures/encode';
import { FASHION_CLASSES } from './pictures/fashion_classes';
import { readIdx } from './pictures/idx';
import { readArguments } from './shared/command';

const { values } = readArguments(import.meta.url, {
  options: {
    /** The folder that holds the four files as they are published. */
    data: { type: 'string' },
    out: { type: 'string' },
    /** Pictures of each class for training, and for testing; 0 for all. */
    train: { type: 'string', default: '0' },
    test: { type: 'string', default: '0' },
  },
});
if (values.data === undefined || values.out === undefined) {
  throw new Error('give --data, the folder of Fashion-MNIST, and --out, the folder to write to');
}
const out = values.out;

for (const [part, file, most] of [
  ['train', 'train', values.train],
  ['test', 't10k', values.test],
] as const) {
  const { count, height, width, pixels, labels } = readIdx(values.data, file);
  for (const name of FASHION_CLASSES) fs.mkdirSync(path.join(out, part, name), { recursive: true });
  const written = FASHION_CLASSES.map(() => 0);
  for (let i = 0; i < count; i++) {
    const label = labels[i] as number;
    if (Number(most) > 0 && (written[label] as number) >= Number(most)) continue;
    (written[label] as number)++;
    const grey = pixels.subarray(i * height * width, (i + 1) * height * width);
    const isJpeg = i % 2 === 1;
    const bytes = isJpeg ? await encodeJpeg(grey, width, height) : encodePng(grey, width, height);
    const name = `${String(i).padStart(5, '0')}.${isJpeg ? 'jpg' : 'png'}`;
    fs.writeFileSync(path.join(out, part, FASHION_CLASSES[label] as string, name), bytes);
  }
  console.log(
    `${part}: ${written.reduce((a, b) => a + b, 0)} pictures in ${FASHION_CLASSES.length} classes`,
  );
}
