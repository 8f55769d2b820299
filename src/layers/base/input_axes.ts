/** What a layer takes as its inputs, by the names of their axes, and the sentence where one is another. */
import * as tfl from '@tensorflow/tfjs-layers';

import { show } from '../../common/arguments';

/** Axes of an input, batch first; `'...'` stands for any number of them. */
export type Axes = readonly [string, ...string[]];

/** An image. */
export const IMAGE: Axes = ['batch', 'height', 'width', 'channels'];

/** An image, a sequence, or anything else with channels last. */
export const FEATURES: Axes = ['batch', '...', 'channels'];

/** Tokens with a width. */
export const SEQUENCE: Axes = ['batch', 'time', 'width'];

/** Numbers of tokens. */
export const IDS: Axes = ['batch', 'time'];

/**
 * How tfjs knows an input: its rank, or the least one, and once it is built for a shape, the size of
 * the last axis.
 */
export function specOf(axes: Axes, built?: tfl.Shape): tfl.InputSpec {
  const size = built && hasSize(axes) ? built[built.length - 1] : null;
  return new tfl.InputSpec({
    ...(axes.includes('...') && !built
      ? { minNDim: axes.length - 1 }
      : { ndim: built?.length ?? axes.length }),
    axes: size == null ? {} : { [-1]: size },
  });
}

/** Whether weights depend on the size of the last axis. */
function hasSize(axes: Axes): boolean {
  return ['channels', 'width'].includes(axes[axes.length - 1] as string);
}

/** Names of the axes between batch and channels, by the rank. */
const BETWEEN: Record<number, readonly string[]> = { 2: [], 3: ['time'], 4: ['height', 'width'] };

/** The axes that a spec allows, as text: `[batch, height, width, 3]`. */
function shown(axes: Axes, { ndim, axes: sizes }: tfl.InputSpec): string {
  const last = axes[axes.length - 1] as string;
  if (last === '...' && ndim != null) return `[batch, ...] of rank ${ndim}`;
  const between = (axes.includes('...') ? BETWEEN[ndim ?? 0] : undefined) ?? axes.slice(1, -1);
  return `[${[axes[0], ...between, sizes?.[-1] ?? last].join(', ')}]`;
}

/**
 * Asserts that an input is one that a layer takes.
 *
 * @param owner class name for the message
 * @param advice end of the message
 * @throws {Error} when it has another rank, other channels or unknown ones, or no pixel
 */
export function requireInput(
  owner: string,
  shape: tfl.Shape,
  axes: Axes,
  spec: tfl.InputSpec,
  advice = '',
): void {
  const { ndim, minNDim = 0 } = spec;
  const size = spec.axes?.[-1];
  const fits = (s: tfl.Shape) => {
    const last = s[s.length - 1];
    const isLastRight = last == null ? size != null || !hasSize(axes) : (size ?? last) === last;
    return (ndim == null ? s.length >= minNDim : s.length === ndim) && isLastRight;
  };
  const given = () => `${owner}: input shape ${show(shape)}`;
  if (!fits(shape)) {
    const lacksBatch = shape[0] != null && fits([1, ...shape]);
    throw new Error(
      `${given()}; expected ${shown(axes, spec)}` +
        (size == null && hasSize(axes) ? ` with known ${axes[axes.length - 1]}` : '') +
        (lacksBatch ? '; add the batch axis with tf.expandDims(x, 0)' : advice),
    );
  }
  if (axes[axes.length - 1] === 'channels' && shape.slice(1, -1).includes(0)) {
    throw new Error(`${given()} has no pixel; expected at least 1 along every axis`);
  }
}
