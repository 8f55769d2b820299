/** Checks that numbers come to the device, are computed there, and come back. */
import * as tf from '@tensorflow/tfjs-core';

import { readTensor } from '../../ops/engine/lost_backend';
import { judge } from '../compare';
import { uniform } from '../numbers';
import type { Check } from './check';

const NAME = 'writing, adding and reading numbers';
const COUNT = 5000;

export const reading: Check = {
  name: NAME,
  trains: false,
  run: async () => {
    const values = uniform(COUNT, 0, 1, 1);
    const y = tf.tidy(() => tf.add(tf.mul(tf.tensor1d(values), 2), 1));
    try {
      const got = await readTensor(y);
      return judge(NAME, [{ name: 'sum', got, expected: values.map((v) => 2 * v + 1) }], 1e-6);
    } finally {
      y.dispose();
    }
  },
};
