import * as tf from '@tensorflow/tfjs-core';

import { defineOp, runFused } from './engine/define_op';
import { free } from './engine/tensors';
import { curve, CURVE_SCALE, curveAt, type CurvePoint, curveSlope } from './gelu_curve';

/** Exact (erf) GELU, `x * Phi(x)`, without a tape node. */
export function geluForward(x: tf.Tensor): tf.Tensor {
  return runFused('RevColGelu', { x }, {}, () => {
    const t = tf.mul(x, CURVE_SCALE);
    const y = curve(t);
    free(t);
    return tf.mul(y, CURVE_SCALE);
  });
}

/** Gradient of the exact GELU: `dy * (Phi(x) + x * phi(x))`. */
export function geluBackward(dy: tf.Tensor, x: tf.Tensor): tf.Tensor {
  return runFused('RevColGeluGrad', { x, dy }, {}, () => {
    const t = tf.mul(x, CURVE_SCALE);
    const slope = curveSlope(t);
    free(t);
    const dt = tf.mul(dy, slope);
    free(slope);
    return tf.mul(dt, CURVE_SCALE * CURVE_SCALE);
  });
}

/** A GELU with factors before and after it that belong into the weights there. */
export interface FoldedGelu {
  /** `gelu(x) = scale * forward(scale * x)` */
  scale: number;
  forward(t: tf.Tensor): tf.Tensor;
  /** Takes `t` over. */
  at(t: tf.Tensor): CurvePoint;
}

const FOLDED: FoldedGelu = { scale: CURVE_SCALE, forward: curve, at: curveAt };

const PLAIN: FoldedGelu = {
  scale: 1,
  forward: geluForward,
  at: (x) => ({
    value: () => geluForward(x),
    pullback: (dy) => {
      const dx = geluBackward(dy, x);
      free(x);
      return dx;
    },
  }),
};

/** The GELU that is fastest on the backend in use: where it has a kernel of its own, that. */
export function foldedGelu(): FoldedGelu {
  return tf.getKernel('RevColGelu', tf.getBackend()) == null ? FOLDED : PLAIN;
}

const geluOp = defineOp<object>({
  name: 'RevColExactGelu',
  inputNames: ['x'],
  forward: ([x]) => geluForward(x as tf.Tensor),
  backward: (dy, [x]) => [() => geluBackward(dy, x as tf.Tensor)],
});

/** Exact (erf) GELU of a float32 tensor of any shape, as one tape node that saves its input. */
export function gelu(x: tf.Tensor): tf.Tensor {
  return geluOp([x], {});
}
