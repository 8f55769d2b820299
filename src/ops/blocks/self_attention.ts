/** Self-attention as a level function. */
import * as tf from '@tensorflow/tfjs-core';

import {
  attentionBackward,
  attentionForward,
  type AttentionOperands,
} from '../attention/attention';
import {
  scaleHeadsBackwardScale,
  scaleHeadsForward,
  unitHeadsBackward,
  unitHeadsForward,
} from '../attention/cosine';
import {
  attend,
  type AttentionConfig,
  type AttentionRun,
  type AttentionWeights,
  inputMatrix,
  outputMatrix,
  settingsFor,
} from '../attention/multi_head';
import { free, only, tidyAll } from '../engine/tensors';
import {
  linearBackwardBias,
  linearBackwardInput,
  linearBackwardKernel,
  linearForward,
} from '../linear';
import { lowRankGradients, lowRankVariables, withKernel } from '../low_rank';
import {
  type FunctionGradients,
  type LevelContext,
  type LevelFunction,
  type LinearizedFunction,
} from '../reversible/level_function';

/** What is kept for the gradients. */
interface Activations {
  x: tf.Tensor;
  /** Projected operands, before cosine attention brings them to unit length. */
  raw: AttentionOperands;
  /** Of the attention, before its output projection. */
  attended: tf.Tensor;
}

/** Self-attention as a step of a transformer block, with a hand-written VJP. */
export class SelfAttentionFunction implements LevelFunction {
  readonly weights: readonly tf.Variable[];
  readonly state: readonly tf.Variable[] = [];

  constructor(
    private readonly w: AttentionWeights<tf.Variable>,
    private readonly config: AttentionConfig,
    private readonly trainable: boolean,
  ) {
    this.weights = [
      ...(trainable ? Object.values(w).filter((v) => v != null) : []),
      ...lowRankVariables([w.queryKernel, w.keyKernel, w.valueKernel, w.outputKernel]),
    ];
  }

  private run({ training, seed, mask, caches }: LevelContext): AttentionRun {
    return { training, seed, keyMask: mask, cache: caches };
  }

  forward(inputs: readonly tf.Tensor[], context: LevelContext): tf.Tensor {
    const x = only(inputs);
    return attend(x, x, this.w, this.config, this.run(context));
  }

  linearize(inputs: readonly tf.Tensor[], context: LevelContext): LinearizedFunction {
    const { w, config } = this;
    const settings = settingsFor(w, config, this.run(context));
    const x = tf.clone(only(inputs));
    const raw = {
      query: project(x, w.queryKernel, w.queryBias),
      // See multi_head.ts: a bias has no effect on dot products.
      key: project(x, w.keyKernel, w.logitScale ? w.keyBias : null),
      value: project(x, w.valueKernel, w.valueBias),
    };
    const attended = tf.tidy(() => attentionForward(this.operands(raw), settings));
    const output = tf.tidy(() =>
      withKernel(w.outputKernel, (kernel) =>
        linearForward(attended, outputMatrix(kernel), w.outputBias),
      ),
    );
    return {
      output,
      pullback: (dy) => this.pullback(dy, { x, raw, attended }, settings),
    };
  }

  /** Queries and keys as the attention takes them: cosine attention's at unit length and scaled. */
  private operands(raw: AttentionOperands): AttentionOperands {
    const { logitScale } = this.w;
    if (!logitScale) return raw;
    const { numHeads } = this.config;
    return {
      query: scaleHeadsForward(unitHeadsForward(raw.query, numHeads), logitScale),
      key: unitHeadsForward(raw.key, numHeads),
      value: raw.value,
    };
  }

  private pullback(
    dOutput: tf.Tensor,
    { x, raw, attended }: Activations,
    settings: Parameters<typeof attentionBackward>[3],
  ): FunctionGradients {
    const { w, trainable } = this;
    return tidyAll(() => {
      const outputGradients = trainable
        ? [
            tf.reshape(linearBackwardKernel(dOutput, attended), w.outputKernel.shape),
            linearBackwardBias(dOutput),
          ]
        : [];
      const outputChange = lowRankGradients(dOutput, () => attended, w.outputKernel);
      const dAttended = withKernel(w.outputKernel, (kernel) =>
        linearBackwardInput(dOutput, outputMatrix(kernel)),
      );
      const operands = this.operands(raw);
      const d = attentionBackward(dAttended, attended, operands, settings);
      free(dAttended, attended);
      const { scaleGradient, dRaw } = this.rawGradients(d, raw);
      free(raw.query, raw.key, raw.value);
      const parts = [
        [dRaw.query, w.queryKernel, w.queryBias, true],
        [dRaw.key, w.keyKernel, w.keyBias, w.logitScale != null],
        [dRaw.value, w.valueKernel, w.valueBias, true],
      ] as const;
      const inputGradients = trainable
        ? parts.flatMap(([dPart, kernel, bias, hasBias]) => {
            return [
              tf.reshape(linearBackwardKernel(dPart, x), kernel.shape),
              hasBias ? tf.reshape(linearBackwardBias(dPart), bias.shape) : tf.zerosLike(bias),
            ];
          })
        : [];
      const inputChange = parts.flatMap(([dPart, kernel]) =>
        lowRankGradients(dPart, () => x, kernel),
      );
      free(x);
      const dx = parts
        .map(([dPart, kernel]) => {
          const term = withKernel(kernel, (w) => linearBackwardInput(dPart, inputMatrix(w)));
          free(dPart);
          return term;
        })
        .reduce((a, b) => tf.add(a, b));
      return {
        dInputs: [dx],
        dWeights: [
          ...inputGradients,
          ...outputGradients,
          ...scaleGradient,
          ...inputChange,
          ...outputChange,
        ],
      };
    });
  }

  /** Through unit length and scale, where the attention is a cosine one. */
  private rawGradients(
    d: AttentionOperands,
    raw: AttentionOperands,
  ): { dRaw: AttentionOperands; scaleGradient: tf.Tensor[] } {
    const { logitScale } = this.w;
    if (!logitScale) return { dRaw: d, scaleGradient: [] };
    const { numHeads } = this.config;
    return tidyAll(() => {
      const scaleGradient = this.trainable
        ? [scaleHeadsBackwardScale(d.query, unitHeadsForward(raw.query, numHeads), logitScale)]
        : [];
      const dUnit = scaleHeadsForward(d.query, logitScale);
      return {
        scaleGradient,
        dRaw: {
          query: unitHeadsBackward(dUnit, raw.query, numHeads),
          key: unitHeadsBackward(d.key, raw.key, numHeads),
          value: d.value,
        },
      };
    });
  }
}

function project(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor | null): tf.Tensor {
  return tf.tidy(() =>
    withKernel(kernel, (w) => linearForward(x, inputMatrix(w), bias && tf.reshape(bias, [-1]))),
  );
}
