/** The exact (erf) GELU: forward, gradient, as one tape node, and in a form that folds into weights. */
import * as tf from '@tensorflow/tfjs-core';

import { defineOp } from './engine/define_op';
import { free } from './engine/tensors';
import { curve, CURVE_SCALE, curveAt, type CurvePoint, curveSlope } from './gelu_curve';
import { GELU, GELU_GRAD } from './kernels/contract';
import { hasKernel, runFused } from './kernels/fused';

/** Exact (erf) GELU, `x * Phi(x)`, without a tape node. */
export function geluForward(x: tf.Tensor): tf.Tensor {
  return runFused(GELU, { x }, {}, () => {
    const t = tf.mul(x, CURVE_SCALE);
    const y = curve(t);
    free(t);
    return tf.mul(y, CURVE_SCALE);
  });
}

/** Gradient of the exact GELU: `dy * (Phi(x) + x * phi(x))`. */
export function geluBackward(dy: tf.Tensor, x: tf.Tensor): tf.Tensor {
  return runFused(GELU_GRAD, { x, dy }, {}, () => {
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
  return hasKernel(GELU) ? PLAIN : FOLDED;
}

const geluOp = defineOp({
  name: 'RevColExactGelu',
  inputs: ['x'],
  forward: ({ x }) => geluForward(x),
  backward: (dy, { x }) => ({ x: () => geluBackward(dy, x) }),
});

/** Exact (erf) GELU of a float32 tensor of any shape, as one tape node that saves its input. */
export function gelu(x: tf.Tensor): tf.Tensor {
  return geluOp({ x });
}
