/** The code in docs/augmentation.md runs. */
import * as tf from '@tensorflow/tfjs';

import type { RgbImage } from 'tfjs-revcol';
import { BACKENDS, expectNoLeak, useBackend } from '../support/backends';
import { documentProgram } from '../support/document_code';

interface Made {
  mixed: Record<'images' | 'labels', tf.Tensor>;
  cropped: RgbImage;
  erased: RgbImage;
  blended: Record<'images' | 'labels', tf.Tensor>;
}

test('the code of docs/augmentation.md does what its text says', async () => {
  await useBackend(BACKENDS[0] as string);
  const names = ['mixed', 'cropped', 'erased', 'blended'];
  const program = documentProgram<Made>('docs/augmentation.md', names);
  const { mixed, cropped, erased, blended } = await expectNoLeak(() => program(require));
  expect([mixed.images.shape, mixed.labels.shape]).toEqual([
    [2, 64, 64, 3],
    [2, 10],
  ]);
  expect(blended.labels.shape).toEqual([2, 2]);
  for (const { width, height, data } of [cropped, erased]) {
    expect([width, height, data.length]).toEqual([64, 64, 3 * 64 * 64]);
  }
  // Of a picture of one colour: what the steps make of it is not of its own colour.
  expect(new Set(cropped.data)).toEqual(new Set([200]));
  expect(erased.data).not.toEqual(cropped.data);
});
