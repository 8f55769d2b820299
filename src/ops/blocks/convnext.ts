/** The ConvNeXt block as a level function, with norms and scales folded into its weights. */
import * as tf from '@tensorflow/tfjs-core';

import { columnSum } from '../column_sum';
import {
  depthwiseBackwardInput,
  depthwiseBackwardKernel,
  depthwiseConv,
  depthwiseForward,
} from '../depthwise_conv';
import { isTapeOn } from '../engine/engine';
import { free, only, tidyAll } from '../engine/tensors';
import { gelu } from '../gelu';
import type { CurvePoint } from '../gelu_curve';
import { affineForward, layerNorm, normalize, normalizeBackward } from '../layer_norm';
import {
  linear,
  linearBackwardBias,
  linearBackwardInput,
  linearBackwardKernel,
  linearForward,
} from '../linear';
import { lowRankGradients, lowRankVariables, projectChanged } from '../low_rank';
import { matMul2d, toMatrix } from '../mat_mul';
import {
  type FunctionGradients,
  type LevelContext,
  type LevelFunction,
  type LinearizedFunction,
} from '../reversible/level_function';
import { survivalMask } from '../stochastic_depth';
import { fusedForward, fusedLinearize, hasFusedGradient, hasFusedHalf } from './convnext_fused';
import {
  type ConvNextWeights,
  fold,
  type FoldedWeights,
  scaled,
  wholeKernel,
} from './convnext_weights';

/** Of the branch up to the expansion. */
interface BranchStart {
  /** Normalised depthwise output, `[pixels, c]`, and its factor `[pixels, 1]`. */
  xhat: tf.Tensor;
  rstd: tf.Tensor;
  /** Before the folded GELU, `[pixels, m]`. */
  hidden: tf.Tensor;
}

/** What is kept for the gradients. */
interface Activations {
  xhat: tf.Tensor;
  rstd: tf.Tensor;
  activated: CurvePoint;
}

function branchForward(x: tf.Tensor, w: ConvNextWeights, f: FoldedWeights): BranchStart {
  return tf.tidy(() => {
    const u = depthwiseForward(x, w.depthwiseKernel, w.depthwiseBias);
    const { xhat, rstd } = normalize(u);
    const rows = toMatrix(xhat);
    free(u, xhat);
    return { xhat: rows, rstd: tf.reshape(rstd, [-1, 1]), hidden: linearForward(rows, f.w1, f.b1) };
  });
}

/** The block's output; frees `activated`, the GELU's. */
function project(
  x: tf.Tensor,
  activated: tf.Tensor,
  f: FoldedWeights,
  mask: tf.Tensor | null,
): tf.Tensor {
  return tf.tidy(() => {
    const y = tf.reshape(linearForward(activated, f.w2, f.b2), x.shape);
    free(activated);
    return tf.add(x, mask ? tf.mul(y, mask) : y);
  });
}

/**
 * ConvNeXt block (Liu et al. 2022, arXiv 2201.03545; RevCol section 2.2): depthwise convolution,
 * LayerNorm, linear, exact GELU, linear, layer scale, stochastic depth, plus the input, with a
 * hand-written VJP.
 */
export class ConvNextFunction implements LevelFunction {
  readonly weights: readonly tf.Variable[];
  readonly state: readonly tf.Variable[] = [];

  /**
   * @param w the block's variables
   * @param dropRate probability with which a sample skips the block in training, in [0, 1)
   * @param trainable whether gradients of these are wanted; those of changes of kernels are where
   *   their factors are trained
   */
  constructor(
    private readonly w: ConvNextWeights<tf.Variable>,
    private readonly dropRate: number,
    private readonly trainable: boolean,
  ) {
    this.weights = [
      ...(trainable ? Object.values(w) : []),
      ...lowRankVariables([w.expandKernel, w.projectKernel]),
    ];
  }

  private mask(x: tf.Tensor, context: LevelContext): tf.Tensor | null {
    return context.training ? survivalMask(x.shape, this.dropRate, context.seed) : null;
  }

  forward(inputs: readonly tf.Tensor[], context: LevelContext): tf.Tensor {
    const x = only(inputs);
    return isTapeOn() ? this.composed(x, context) : this.folded(x, context);
  }

  private composed(x: tf.Tensor, context: LevelContext): tf.Tensor {
    const { w } = this;
    return tf.tidy(() => {
      const normed = layerNorm(
        depthwiseConv(x, w.depthwiseKernel, w.depthwiseBias),
        w.gamma,
        w.beta,
      );
      const expand = (u: tf.Tensor, kernel: tf.Tensor) => linear(u, kernel, w.expandBias);
      const project = (u: tf.Tensor, kernel: tf.Tensor) => linear(u, kernel, w.projectBias);
      const hidden = gelu(projectChanged(expand, normed, w.expandKernel));
      const y = tf.mul(projectChanged(project, hidden, w.projectKernel), w.layerScale);
      const mask = this.mask(x, context);
      return tf.add(x, mask ? tf.mul(y, mask) : y);
    });
  }

  private folded(x: tf.Tensor, context: LevelContext): tf.Tensor {
    return tf.tidy(() => {
      if (hasFusedHalf()) return fusedForward(x, this.w, this.mask(x, context));
      const f = fold(this.w);
      const { xhat, rstd, hidden } = branchForward(x, this.w, f);
      free(xhat, rstd);
      const activated = f.gelu.forward(hidden);
      free(hidden);
      return project(x, activated, f, this.mask(x, context));
    });
  }

  linearize(inputs: readonly tf.Tensor[], context: LevelContext): LinearizedFunction {
    const input = only(inputs);
    const mask = this.mask(input, context);
    if (this.trainable && hasFusedGradient(this.w)) return fusedLinearize(input, this.w, mask);
    const f = fold(this.w);
    const { xhat, rstd, hidden } = branchForward(input, this.w, f);
    const activated = f.gelu.at(hidden);
    // No earlier: it shares memory with the input, but counts while most is held.
    const x = tf.clone(input);
    return {
      output: project(x, activated.value(), f, mask),
      pullback: (dOutput) => {
        const gradients = this.pullback(dOutput, x, mask, f, { xhat, rstd, activated });
        free(x, mask);
        return gradients;
      },
    };
  }

  private pullback(
    dOutput: tf.Tensor,
    x: tf.Tensor,
    mask: tf.Tensor | null,
    f: FoldedWeights,
    { xhat, rstd, activated }: Activations,
  ): FunctionGradients {
    const { w, trainable } = this;
    return tidyAll(() => {
      const dy = toMatrix(mask ? tf.mul(dOutput, mask) : dOutput);
      const second = trainable ? this.projectGradients(dy, activated.value(), f) : [];
      const secondChange = this.projectChangeGradients(dy, activated, f);
      const dActivated = linearBackwardInput(dy, f.w2);
      const dHidden = activated.pullback(dActivated);
      free(dActivated, f.w2, f.b2);
      const first = trainable ? this.expandGradients(dHidden, xhat, f) : [];
      const firstChange = this.expandChangeGradients(dHidden, xhat, f);
      const dXhat = linearBackwardInput(dHidden, f.w1);
      free(dHidden, f.w1, f.b1);
      const dNormInput = normalizeBackward(dXhat, { xhat, rstd });
      free(dXhat, xhat, rstd);
      const du = tf.reshape(dNormInput, x.shape);
      const dWeights = trainable
        ? [
            depthwiseBackwardKernel(du, x, w.depthwiseKernel.shape),
            columnSum(dNormInput),
            ...first,
            ...second,
          ]
        : [];
      return {
        dInputs: [depthwiseBackwardInput(du, w.depthwiseKernel, dOutput)],
        dWeights: [...dWeights, ...firstChange, ...secondChange],
      };
    });
  }

  /** Gradients of what is added to projectKernel, from the gradient before the layer scale. */
  private projectChangeGradients(
    dy: tf.Tensor,
    activated: CurvePoint,
    { gelu: g }: FoldedWeights,
  ): tf.Tensor[] {
    const { projectKernel, layerScale } = this.w;
    if (lowRankVariables([projectKernel]).length === 0) return [];
    return tf.tidy(() =>
      lowRankGradients(tf.mul(dy, scaled(layerScale, g)), () => activated.value(), projectKernel),
    );
  }

  /** Gradients of what is added to expandKernel, whose input is normalised again from `xhat`. */
  private expandChangeGradients(
    dHidden: tf.Tensor,
    xhat: tf.Tensor,
    { gelu: g }: FoldedWeights,
  ): tf.Tensor[] {
    const { expandKernel, gamma, beta } = this.w;
    return lowRankGradients(
      dHidden,
      () => affineForward(xhat, scaled(gamma, g), scaled(beta, g)),
      expandKernel,
    );
  }

  /** Gradients of projectKernel, projectBias, layerScale through their folded product. */
  private projectGradients(
    dy: tf.Tensor,
    activated: tf.Tensor,
    { gelu: g }: FoldedWeights,
  ): tf.Tensor[] {
    const { w } = this;
    return tf.tidy(() => {
      const dW2 = linearBackwardKernel(dy, activated);
      free(activated);
      const db2 = linearBackwardBias(dy);
      const throughKernel = scaled(columnSum(tf.mul(dW2, wholeKernel(w.projectKernel))), g);
      return [
        tf.mul(dW2, scaled(w.layerScale, g)),
        tf.mul(db2, w.layerScale),
        tf.add(throughKernel, tf.mul(db2, w.projectBias)),
      ];
    });
  }

  /** Gradients of gamma, beta, expandKernel, expandBias through their folded product. */
  private expandGradients(
    dHidden: tf.Tensor,
    xhat: tf.Tensor,
    { gelu: g }: FoldedWeights,
  ): tf.Tensor[] {
    const { w } = this;
    return tf.tidy(() => {
      const dW1 = linearBackwardKernel(dHidden, xhat);
      const db1 = scaled(linearBackwardBias(dHidden), g);
      const expand = wholeKernel(w.expandKernel);
      const dGamma = scaled(tf.sum(tf.mul(dW1, expand), 1), g);
      const dBeta = tf.reshape(matMul2d(expand, tf.reshape(db1, [-1, 1])), [-1]);
      const dKernel = tf.add(
        tf.mul(dW1, tf.reshape(scaled(w.gamma, g), [-1, 1])),
        tf.mul(tf.reshape(w.beta, [-1, 1]), tf.reshape(db1, [1, -1])),
      );
      return [dGamma, dBeta, dKernel, db1];
    });
  }
}
