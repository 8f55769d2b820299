/**
 * Gradient functions of tfjs 4.22 that are wrong on every backend, without an error: that of `cumsum`
 * along another axis than the last comes out transposed, that of `mirrorPad` leaves out what the
 * mirrored pixels add. They are replaced for all backends, once tfjs has registered its own.
 */
import * as tf from '@tensorflow/tfjs-core';

/** `dy` summed from the other end, along the same axis. */
const cumsumGradient: tf.GradConfig = {
  kernelName: tf.Cumsum,
  inputsToSave: [],
  gradFunc: (dy, _, attrs) => {
    const { axis, exclusive, reverse } = attrs as Record<'axis', number> &
      Record<'exclusive' | 'reverse', boolean>;
    return { x: () => tf.cumsum(dy as tf.Tensor, axis, exclusive, !reverse) };
  },
};

/** Folds the mirrored borders of `dy` back onto the pixels that they are copies of, axis by axis. */
const mirrorPadGradient: tf.GradConfig = {
  kernelName: tf.MirrorPad,
  inputsToSave: [],
  gradFunc: (dy, _, attrs) => {
    const { paddings, mode } = attrs as { paddings?: unknown; mode?: unknown };
    // Reflection leaves the border pixel itself out.
    const offset = mode === 'reflect' ? 1 : 0;
    return {
      x: () =>
        (paddings as [number, number][]).reduce<tf.Tensor>(
          (d, padding, axis) => foldAxis(d, axis, padding, offset),
          dy as tf.Tensor,
        ),
    };
  },
};

function foldAxis(
  dy: tf.Tensor,
  axis: number,
  [before, after]: [number, number],
  offset: number,
): tf.Tensor {
  const size = (dy.shape[axis] as number) - before - after;
  const part = (start: number, length: number) => {
    const [begin, extent] = [dy.shape.map(() => 0), [...dy.shape]];
    begin[axis] = start;
    extent[axis] = length;
    return tf.slice(dy, begin, extent);
  };
  const placed = (mirrored: tf.Tensor, start: number) => {
    const paddings = dy.shape.map((): [number, number] => [0, 0]);
    paddings[axis] = [start, size - start - (mirrored.shape[axis] as number)];
    return tf.pad(tf.reverse(mirrored, axis), paddings);
  };
  let sum: tf.Tensor = part(before, size);
  if (before > 0) sum = tf.add(sum, placed(part(0, before), offset));
  if (after > 0) {
    sum = tf.add(sum, placed(part(before + size, after), size - after - offset));
  }
  return sum;
}

const REPAIRED: readonly tf.GradConfig[] = [cumsumGradient, mirrorPadGradient];

/**
 * Replaces the gradients above where tfjs has registered its own; tfjs-core alone registers none, and
 * then there is nothing to repair. Further calls do nothing.
 *
 * @returns names of the gradients replaced by this call
 */
export function repairGradients(): string[] {
  const replaced = REPAIRED.filter((config) => {
    const registered: tf.GradConfig | undefined = tf.getGradient(config.kernelName);
    return registered != null && registered !== config;
  });
  for (const config of replaced) {
    tf.unregisterGradient(config.kernelName);
    tf.registerGradient(config);
  }
  return replaced.map(({ kernelName }) => kernelName);
}

/** Does it now and once more when all imports of the program have run: `@tensorflow/tfjs` may come later. */
export function installGradients(): void {
  repairGradients();
  void Promise.resolve().then(repairGradients);
}
