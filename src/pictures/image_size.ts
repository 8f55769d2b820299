/** How large an image may be. */

/** Largest image that is decoded, in pixels: a header of a few bytes can claim any size. */
const MAX_PIXELS = 200e6;
/** Longest side, in pixels: a filter's weights grow with it, whatever the other side. */
const MAX_SIDE = 1e6;

/**
 * Asserts a size that is decoded.
 *
 * @throws {Error} when there is no pixel, more than 200 million of them, or more than a million in a
 * row or column
 */
export function requireSize(width: number, height: number): void {
  const size = `${width} x ${height} pixels`;
  if (width * height > MAX_PIXELS) {
    throw new Error(`${size} are more than ${MAX_PIXELS / 1e6} million`);
  }
  if (Math.max(width, height) > MAX_SIDE) {
    throw new Error(`${size}: no side may have more than ${MAX_SIDE / 1e6} million`);
  }
  if (width === 0 || height === 0) throw new Error(`it has ${size}`);
}
