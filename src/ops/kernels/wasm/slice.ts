/** Slices on backend 'wasm', which tfjs reads from beyond the end of a tensor instead of refusing them. */
import * as tf from '@tensorflow/tfjs-core';

import { repairKernel } from './repair';

/** Only lets those pass that lie within the tensor, as tfjs's other backends do. */
export const slice = repairKernel<'x', tf.SliceAttrs>({
  name: tf.Slice,
  when: () => true,
  run: (_, { x }, attrs, __, replaced) => {
    const parsed = tf.slice_util.parseSliceParams(x, attrs.begin, attrs.size);
    const [begin, size] = parsed as [number[], number[]];
    tf.slice_util.assertParamsValid(x, begin, size);
    return replaced(attrs);
  },
});
