/**
 * Depthwise convolution (one output per channel, NHWC) with stride 1 and padding 'same', and its gradient. Both
 * are what the gradient with respect to an input adds up, of the filter itself or of the filter turned round.
 */
import { depthwiseInputGrad } from './depthwise_input';

/** The taps of a filter in reverse order. */
export function reverseTaps(filter: usize, to: usize, taps: i32, channels: i32): void {
  const bytes = (<usize>channels) << 2;
  for (let tap = 0; tap < taps; tap++) {
    memory.copy(to + bytes * <usize>tap, filter + bytes * <usize>(taps - 1 - tap), bytes);
  }
}

/**
 * y = start + the sum over taps of w x, at the pixels that the taps of the gradient read.
 *
 * @param start values to begin with
 * @param startStep values from those of a pixel to those of the next: 0 where all have the same
 * @param pitch values from one pixel to the next, of x, w and y; see `depthwiseInputGrad`
 */
export function depthwise(
  x: usize,
  w: usize,
  start: usize,
  y: usize,
  batch: i32,
  height: i32,
  width: i32,
  channels: i32,
  filterSide: i32,
  before: i32,
  startStep: i32,
  pitch: i32,
): void {
  const bytes = (<usize>channels) << 2;
  const pixels = batch * height * width;
  for (let i = 0; i < pixels; i++) {
    memory.copy(
      y + ((<usize>i * <usize>pitch) << 2),
      start + ((<usize>i * <usize>startStep) << 2),
      bytes,
    );
  }
  depthwiseInputGrad(
    x,
    w,
    y,
    batch,
    height,
    width,
    channels,
    height,
    width,
    filterSide,
    filterSide,
    1,
    1,
    1,
    1,
    before,
    before,
    pitch,
  );
}
