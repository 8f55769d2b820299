/** Optimizer classes for tfjs; a file of its own, so that layers come without optimizers. */
import * as tf from '@tensorflow/tfjs-core';

import { OPTIMIZERS } from '../training/registered';

/** Lets saved models with the state of this package's optimizers load. */
export function registerOptimizers(): void {
  for (const optimizer of OPTIMIZERS) tf.serialization.registerClass(optimizer, 'tfjs-revcol');
}
