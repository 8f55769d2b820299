/** Optimizers by the names that the benchmarks give them. */
import type * as tf from '@tensorflow/tfjs';

import { Adafactor, AdamW, Lion, SGD } from 'tfjs-revcol';

/** @param name such as `adamw`, or `adamw+fused` */
export function makeOptimizer(name: string): tf.Optimizer {
  const [kind = '', ...options] = name.split('+');
  const fused = options.includes('fused');
  switch (kind) {
    case 'adamw':
      return new AdamW({ learningRate: 1e-4, fused });
    case 'adamw8bit':
      return new AdamW({ learningRate: 1e-4, moments: '8bit', fused });
    case 'lion':
      return new Lion({ learningRate: 1e-5, fused });
    case 'adafactor':
      return new Adafactor({ learningRate: 1e-3, fused });
    case 'sgd':
      return new SGD({ learningRate: 1e-4, fused });
    case 'momentum':
      return new SGD({ learningRate: 1e-4, momentum: 0.9, fused });
    default:
      throw new Error(
        `optimizer '${kind}'; expected adamw, adamw8bit, lion, adafactor, sgd or momentum, with or ` +
          'without +fused',
      );
  }
}
