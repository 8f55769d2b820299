/** Checks the outputs of a small network. */
import * as tf from '@tensorflow/tfjs-core';

import { readTensor } from '../../ops/engine/lost_backend';
import { judge } from '../compare';
import { expectedOf, type Golden } from '../golden';
import type { Check } from './check';

export function outputs(golden: Golden): Check {
  const name = `outputs of ${golden.what}`;
  return {
    name,
    trains: false,
    run: async () => {
      const model = golden.build('reversible');
      const { x, labels } = golden.batch();
      let y: tf.Tensor | undefined;
      try {
        y = model.predict(x) as tf.Tensor;
        const { logits } = expectedOf(golden, model);
        return judge(name, [{ name: 'logits', got: await readTensor(y), expected: logits }], 1e-5);
      } finally {
        tf.dispose([x, labels, y ?? []]);
        model.dispose();
      }
    },
  };
}
