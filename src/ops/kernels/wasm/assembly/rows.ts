/** What both gradients of a depthwise convolution need to walk one row of the image. */

/** First output column whose input column, stride x column + offset, is not before the image. */
export function firstInside(offset: i32, stride: i32): i32 {
  return offset >= 0 ? 0 : (stride - 1 - offset) / stride;
}

/** One past the last output column whose input column is not past the image. */
export function endInside(offset: i32, stride: i32, width: i32, outWidth: i32): i32 {
  const room = width - 1 - offset;
  return room < 0 ? 0 : min(outWidth, room / stride + 1);
}

export function addTo(target: usize, value: v128): void {
  v128.store(target, f32x4.add(v128.load(target), value));
}
