/** Optimizer classes for tfjs; a file of its own, so that layers come without optimizers. */
import * as tf from '@tensorflow/tfjs-core';

import { checkCore } from '../common/copies';
import { OPTIMIZERS } from '../training/registered';

/** Lets saved models with the state of this package's optimizers load. Warns of two copies of tfjs. */
export function registerOptimizers(): void {
  checkCore();
  for (const optimizer of OPTIMIZERS) tf.serialization.registerClass(optimizer, 'tfjs-revcol');
}
