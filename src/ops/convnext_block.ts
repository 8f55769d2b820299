import * as tf from '@tensorflow/tfjs-core';

import { normedLinear, scaledLinear, type AbsorbingLinear } from './absorbing_linear';
import { isTapeOn } from './engine';
import { depthwiseBackwardInput, depthwiseBackwardKernel, depthwiseConv } from './depthwise_conv';
import { foldedGelu, gelu, type FoldedGelu } from './gelu';
import type { CurvePoint } from './gelu_curve';
import { layerNorm, normalize, normalizeBackward } from './layer_norm';
import { linear } from './linear';
import { columnSum, toMatrix } from './mat_mul';
import {
  free,
  tidyAll,
  type LinearizedStage,
  type Stage,
  type StageContext,
  type StageGradients,
} from './reversible/stage';
import { survivalMask } from './stochastic_depth';

/** Weights of a ConvNeXt block with `c` channels and hidden width `m`, in gradient order. */
export interface ConvNextWeights<T extends tf.Tensor = tf.Tensor> {
  /** `[k, k, c, 1]` */
  depthwiseKernel: T;
  /** `[c]` */
  depthwiseBias: T;
  /** LayerNorm scale, `[c]` */
  gamma: T;
  /** LayerNorm shift, `[c]` */
  beta: T;
  /** `[c, m]` */
  expandKernel: T;
  /** `[m]` */
  expandBias: T;
  /** `[m, c]` */
  projectKernel: T;
  /** `[c]` */
  projectBias: T;
  /** `[c]` */
  layerScale: T;
}

/**
 * The two linear layers and the GELU between them. LayerNorm's scale and shift, layer scale and
 * GELU's own factors go into the linear layers, so that the big tensors see only normalise, product,
 * GELU, product.
 */
interface Mlp {
  expand: AbsorbingLinear;
  gelu: FoldedGelu;
  project: AbsorbingLinear;
}

function mlp(w: ConvNextWeights, x: tf.Tensor): Mlp {
  const rows = x.size / (x.shape[x.rank - 1] as number);
  const folded = foldedGelu();
  return {
    expand: normedLinear(
      { gamma: w.gamma, beta: w.beta, kernel: w.expandKernel, bias: w.expandBias },
      folded.scale,
      rows,
    ),
    gelu: folded,
    project: scaledLinear(
      { kernel: w.projectKernel, bias: w.projectBias, scale: w.layerScale },
      folded.scale,
      rows,
    ),
  };
}

/** What is kept for the gradients. */
interface Activations {
  /** Normalised depthwise output, `[pixels, c]`, and its factor `[pixels, 1]`. */
  xhat: tf.Tensor;
  rstd: tf.Tensor;
  /** The GELU, `[pixels, m]`. */
  activated: CurvePoint;
}

/** Normalised output of the depthwise convolution, as rows of pixels. */
function branchStart(x: tf.Tensor, w: ConvNextWeights): Omit<Activations, 'activated'> {
  return tidyAll(() => {
    const u = tf.fused.depthwiseConv2d({
      x: x as tf.Tensor4D,
      filter: w.depthwiseKernel as tf.Tensor4D,
      strides: 1,
      pad: 'same',
      bias: w.depthwiseBias,
    });
    const { xhat, rstd } = normalize(u);
    free(u);
    return { xhat: toMatrix(xhat), rstd: tf.reshape(rstd, [-1, 1]) };
  });
}

/** The block's output; frees `branch`, that of its branch. */
function join(x: tf.Tensor, branch: tf.Tensor, mask: tf.Tensor | null): tf.Tensor {
  return tf.tidy(() => {
    const y = tf.reshape(branch, x.shape);
    free(branch);
    return tf.add(x, mask ? tf.mul(y, mask) : y);
  });
}

/**
 * ConvNeXt block (Liu et al. 2022, arXiv 2201.03545; RevCol section 2.2): depthwise convolution,
 * LayerNorm, linear, exact GELU, linear, layer scale, stochastic depth, plus the input, with a
 * hand-written VJP.
 */
export class ConvNextStage implements Stage {
  readonly weights: readonly tf.Variable[];
  readonly state: readonly tf.Variable[] = [];

  /**
   * @param w the block's variables
   * @param dropRate probability with which a sample skips the block in training, in [0, 1)
   * @param trainable whether weight gradients are wanted
   */
  constructor(
    private readonly w: ConvNextWeights<tf.Variable>,
    private readonly dropRate: number,
    private readonly trainable: boolean,
  ) {
    this.weights = trainable ? Object.values(w) : [];
  }

  private mask(x: tf.Tensor, context: StageContext): tf.Tensor | null {
    return context.training ? survivalMask(x.shape, this.dropRate, context.seed) : null;
  }

  forward(inputs: readonly tf.Tensor[], context: StageContext): tf.Tensor {
    const x = inputs[0] as tf.Tensor;
    return isTapeOn() ? this.composed(x, context) : this.folded(x, context);
  }

  private composed(x: tf.Tensor, context: StageContext): tf.Tensor {
    const { w } = this;
    return tf.tidy(() => {
      const normed = layerNorm(
        depthwiseConv(x, w.depthwiseKernel, w.depthwiseBias),
        w.gamma,
        w.beta,
      );
      const hidden = gelu(linear(normed, w.expandKernel, w.expandBias));
      const y = tf.mul(linear(hidden, w.projectKernel, w.projectBias), w.layerScale);
      const mask = this.mask(x, context);
      return tf.add(x, mask ? tf.mul(y, mask) : y);
    });
  }

  private folded(x: tf.Tensor, context: StageContext): tf.Tensor {
    return tf.tidy(() => {
      const { expand, gelu: curve, project } = mlp(this.w, x);
      const { xhat, rstd } = branchStart(x, this.w);
      const hidden = expand.forward(xhat);
      free(xhat, rstd);
      const activated = curve.forward(hidden);
      free(hidden);
      const branch = project.forward(activated);
      free(activated);
      return join(x, branch, this.mask(x, context));
    });
  }

  linearize(inputs: readonly tf.Tensor[], context: StageContext): LinearizedStage {
    const x = tf.clone(inputs[0] as tf.Tensor);
    const mask = this.mask(x, context);
    const layers = mlp(this.w, x);
    const { xhat, rstd } = branchStart(x, this.w);
    const activated = layers.gelu.at(layers.expand.forward(xhat));
    const value = activated.value();
    const branch = layers.project.forward(value);
    free(value);
    return {
      output: join(x, branch, mask),
      pullback: (dOutput) => {
        const gradients = this.pullback(dOutput, x, mask, layers, { xhat, rstd, activated });
        free(x, mask);
        return gradients;
      },
    };
  }

  private pullback(
    dOutput: tf.Tensor,
    x: tf.Tensor,
    mask: tf.Tensor | null,
    { expand, project }: Mlp,
    { xhat, rstd, activated }: Activations,
  ): StageGradients {
    const { w, trainable } = this;
    return tidyAll(() => {
      const dy = toMatrix(mask ? tf.mul(dOutput, mask) : dOutput);
      const second = project.backward(activated.value(), dy, trainable);
      const dHidden = activated.pullback(second.dx);
      free(second.dx);
      const first = expand.backward(tf.clone(xhat), dHidden, trainable);
      free(dHidden);
      const dNormInput = normalizeBackward(first.dx, { xhat, rstd });
      free(first.dx, xhat, rstd);
      const du = tf.reshape(dNormInput, x.shape);
      const dWeights = trainable
        ? [
            depthwiseBackwardKernel(du, x, w.depthwiseKernel.shape),
            columnSum(dNormInput),
            ...first.dWeights,
            ...second.dWeights,
          ]
        : [];
      const dBranch = depthwiseBackwardInput(du, w.depthwiseKernel, x.shape);
      return { dInputs: [tf.add(dOutput, dBranch)], dWeights };
    });
  }
}
