/**
 * Gradient of a convolution with respect to its input, NHWC: dy (output pixels x output channels)
 * times the transposed filter gives what every tap of every output pixel adds to the image; this
 * adds it.
 */
import { addTo } from './rows';

/**
 * Adds to dx (batch x height x width x channels) the rows of `patches`, one per output pixel
 * first..first + count, each filterHeight x filterWidth x channels.
 */
export function scatterPatches(
  patches: usize,
  dx: usize,
  first: i32,
  count: i32,
  height: i32,
  width: i32,
  channels: i32,
  outHeight: i32,
  outWidth: i32,
  filterHeight: i32,
  filterWidth: i32,
  strideHeight: i32,
  strideWidth: i32,
  top: i32,
  left: i32,
): void {
  const pixelBytes = (<usize>channels) << 2;
  const rowBytes = pixelBytes * filterWidth;
  let outColumn = first % outWidth;
  let outRow = (first / outWidth) % outHeight;
  let image = first / outWidth / outHeight;
  for (let i = 0; i < count; i++) {
    const column = outColumn * strideWidth - left;
    // The taps of one filter row that lie inside are neighbours, in the patch and in the image.
    const begin = max(0, -column);
    const end = min(filterWidth, width - column);
    for (let r = 0; r < filterHeight; r++) {
      const row = outRow * strideHeight - top + r;
      if (row >= 0 && row < height && end > begin) {
        const bytes = pixelBytes * <usize>(end - begin);
        const wide = bytes & ~15;
        const from = patches + pixelBytes * begin;
        const to = dx + pixelBytes * <usize>((image * height + row) * width + column + begin);
        let at: usize = 0;
        for (; at < wide; at += 16) addTo(to + at, v128.load(from + at));
        for (; at < bytes; at += 4) {
          store<f32>(to + at, load<f32>(to + at) + load<f32>(from + at));
        }
      }
      patches += rowBytes;
    }
    outColumn++;
    if (outColumn == outWidth) {
      outColumn = 0;
      outRow++;
      if (outRow == outHeight) {
        outRow = 0;
        image++;
      }
    }
  }
}
