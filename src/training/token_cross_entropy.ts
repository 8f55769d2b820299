/** Cross entropy of token ids as one operation. */
import * as tf from '@tensorflow/tfjs-core';

import { requireArgument, show, shown } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { isClass, requireClasses } from '../ops/class_ids';
import { defineOp } from '../ops/engine/define_op';
import { disposingTapeOnError } from '../ops/engine/engine';
import { toMatrix } from '../ops/mat_mul';

const OWNER = 'tokenCrossEntropy';

/** Options of `tokenCrossEntropy`. */
export interface TokenCrossEntropyOptions {
  /**
   * Share of the target probability that is spread evenly over the whole vocabulary, in [0, 1)
   * (Szegedy et al. 2016, arXiv 1512.00567). Default 0.
   */
  labelSmoothing?: number;
  /**
   * Target that does not count: padding, which need not be in the vocabulary (-100). Default 0; null:
   * every target counts.
   */
  ignoreId?: number | null;
}

const OPTIONS: OptionNames<TokenCrossEntropyOptions> = { labelSmoothing: true, ignoreId: true };

interface Attrs {
  smoothing: number;
  ignored: number | null;
}

/** By how much each target counts, so that a sum becomes a mean. */
function weights(targets: tf.Tensor, ignored: number | null): tf.Tensor {
  const counts =
    ignored == null ? tf.onesLike(targets) : tf.notEqual(targets, tf.scalar(ignored, 'int32'));
  const ones = tf.cast(counts, 'float32');
  return tf.div(ones, tf.maximum(tf.sum(ones), 1));
}

/** 1, or NaN where a target that counts is outside the vocabulary. */
function validity(targets: tf.Tensor, ignored: number | null, vocabulary: number): tf.Tensor {
  const outside = tf.logicalNot(isClass(targets, vocabulary));
  const counts = ignored == null ? outside : tf.notEqual(targets, tf.scalar(ignored, 'int32'));
  return tf.where(tf.any(tf.logicalAnd(outside, counts)), tf.scalar(NaN), tf.scalar(1));
}

/** Row and column of every target's logit, `[n, 2]`. Outside the vocabulary there is none to read. */
function places(targets: tf.Tensor, vocabulary: number): tf.Tensor {
  const inside = tf.where(isClass(targets, vocabulary), targets, tf.zerosLike(targets));
  return tf.stack([tf.range(0, targets.shape[0] as number, 1, 'int32'), inside], 1);
}

const crossEntropyOp = defineOp({
  name: 'RevColTokenCrossEntropy',
  inputs: ['logits', 'targets'],
  forward: ({ logits, targets }, { smoothing, ignored }: Attrs) => {
    const vocabulary = logits.shape.at(-1) as number;
    const rows = toMatrix(logits);
    // The loss does not depend on what all logits have in common; without it less is rounded away.
    const x = tf.sub(rows, tf.max(rows, 1, true));
    const total = tf.log(tf.tidy(() => tf.sum(tf.exp(x), 1)));
    const expected = tf.mul(tf.gatherND(x, places(targets, vocabulary)), 1 - smoothing);
    const mean = smoothing > 0 ? tf.mul(tf.mean(x, 1), smoothing) : 0;
    const losses = tf.sub(total, tf.add(expected, mean));
    // A product would make NaN of an infinite loss that does not count.
    const share = weights(targets, ignored);
    const counted = tf.where(tf.greater(share, 0), tf.mul(losses, share), tf.zerosLike(share));
    return tf.mul(tf.sum(counted), validity(targets, ignored, vocabulary));
  },
  backward: (dy, { logits, targets }, { smoothing, ignored }) => ({
    logits: () => {
      const x = toMatrix(logits);
      const [count, vocabulary] = x.shape;
      const scale = tf.mul(dy, validity(targets, ignored, vocabulary));
      const factor = tf.mul(weights(targets, ignored), scale);
      const column = tf.reshape(factor, [count, 1]);
      let spread: tf.Tensor = tf.softmax(x);
      // Each of these is as large as the logits, so there are never more than two at a time.
      const replace = (f: (old: tf.Tensor) => tf.Tensor) => {
        const next = tf.tidy(() => f(spread));
        spread.dispose();
        spread = next;
      };
      replace((p) => tf.mul(p, column));
      if (smoothing > 0) replace((p) => tf.sub(p, tf.mul(column, smoothing / vocabulary)));
      replace((p) => {
        const at = places(targets, vocabulary);
        const updated = tf.sub(tf.gatherND(p, at), tf.mul(factor, 1 - smoothing));
        return tf.tensorScatterUpdate(p, at, updated);
      });
      return tf.reshape(spread, logits.shape);
    },
    targets: null,
  }),
});

/** Asserts what `tokenCrossEntropy` says of its arguments. */
function checkArguments(
  targets: tf.Tensor,
  logits: tf.Tensor,
  labelSmoothing: number,
  ignoreId: number | null,
): void {
  const shape = logits.shape.slice(0, -1);
  if (logits.rank === 0 || shape.join() !== targets.shape.join()) {
    throw new Error(
      `tokenCrossEntropy: targets of shape ${show(targets.shape)} for logits of shape ` +
        `${show(logits.shape)}; expected ids [...] and logits [..., vocabulary]`,
    );
  }
  if (!(typeof labelSmoothing === 'number' && labelSmoothing >= 0 && labelSmoothing < 1)) {
    throw new Error(
      `tokenCrossEntropy: labelSmoothing is ${shown(labelSmoothing)}; expected a number in [0, 1)`,
    );
  }
  if (ignoreId != null && !Number.isInteger(ignoreId)) {
    throw new Error(
      `tokenCrossEntropy: ignoreId is ${shown(ignoreId)}; expected an integer or null`,
    );
  }
  const ignored = ignoreId == null ? null : { option: 'ignoreId', id: ignoreId };
  requireClasses(OWNER, 'a target', targets, logits.shape.at(-1) as number, ignored);
}

/**
 * Mean cross entropy of token ids, with label smoothing, as one tape node: with `p` the softmax of a
 * target's logits over a vocabulary of `v`,
 *
 *     loss = -(1 - labelSmoothing) * log p[target] - labelSmoothing / v * sum(log p)
 *
 * averaged over the targets that count. Targets stay ids: neither they nor their gradient become
 * one-hot vectors.
 *
 * @param targets ids `[...]`, int32 (or whole numbers in float32), each in [0, vocabulary) or
 *   `ignoreId`
 * @param logits `[..., vocabulary]`, float32
 * @returns a scalar, in nats; 0 where no target counts; NaN for a target that is outside the
 *   vocabulary, on backends where reading the targets would wait for the device (webgl, webgpu)
 * @throws {Error} when the shapes do not fit or an option is out of range; on other backends, when a
 *   target is outside the vocabulary
 */
export function tokenCrossEntropy(
  targets: tf.Tensor,
  logits: tf.Tensor,
  options: TokenCrossEntropyOptions = {},
): tf.Scalar {
  const { labelSmoothing = 0, ignoreId = 0 } = disposingTapeOnError(() => {
    requireOptions('tokenCrossEntropy', options, OPTIONS);
    for (const [name, x] of Object.entries({ targets, logits })) {
      requireArgument(
        'tokenCrossEntropy',
        name,
        x,
        (x as unknown) instanceof tf.Tensor,
        'a tensor',
      );
    }
    return options;
  });
  disposingTapeOnError(() => checkArguments(targets, logits, labelSmoothing, ignoreId));
  return tf.tidy(() => {
    const ids = tf.cast(tf.reshape(targets, [-1]), 'int32');
    const attrs = { smoothing: labelSmoothing, ignored: ignoreId };
    return crossEntropyOp({ logits, targets: ids }, attrs) as tf.Scalar;
  });
}
