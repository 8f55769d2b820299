/**
 * Gradient of a depthwise convolution (one output per channel, NHWC) with respect to its input, for
 * any filter size, stride, padding and dilation. Work goes as in the gradient of the filter.
 */
import { addTo, endInside, firstInside } from './rows';

/** dx of one tap over one row: adds w dy for columns [from, to), `dx` being that of column 0. */
function inputTap(
  dx: usize,
  dy: usize,
  w: usize,
  from: i32,
  to: i32,
  xStep: usize,
  pitch: usize,
  bytes: usize,
): void {
  if (to <= from) return;
  const wide = bytes & ~15;
  for (let i = from; i < to; i++) {
    const target = dx + xStep * i;
    const source = dy + pitch * i;
    let at: usize = 0;
    for (; at < wide; at += 16) {
      addTo(target + at, f32x4.mul(v128.load(source + at), v128.load(w + at)));
    }
    for (; at < bytes; at += 4) {
      const product: f32 = load<f32>(source + at) * load<f32>(w + at);
      store<f32>(target + at, load<f32>(target + at) + product);
    }
  }
}

/** Stride 1: three taps at once, dy columns [from, to) of the first tap, `gap` bytes apart. */
function inputTriple(
  dx: usize,
  dy: usize,
  w: usize,
  from: i32,
  to: i32,
  gap: usize,
  pitch: usize,
  bytes: usize,
): void {
  dx += pitch * from;
  dy += pitch * from;
  for (let at: usize = 0; at < bytes; at += 16) {
    const w0 = v128.load(w + at);
    const w1 = v128.load(w + pitch + at);
    const w2 = v128.load(w + pitch + pitch + at);
    let p = dx + at;
    let q = dy + at;
    for (let i = from; i < to; i++) {
      let sum = f32x4.mul(w0, v128.load(q));
      sum = f32x4.add(sum, f32x4.mul(w1, v128.load(q - gap)));
      sum = f32x4.add(sum, f32x4.mul(w2, v128.load(q - gap - gap)));
      addTo(p, sum);
      p += pitch;
      q += pitch;
    }
  }
}

/**
 * Adds to dx the sum over taps of w dy, at the pixels that the taps read.
 *
 * @param pitch values from one pixel to the next, of all three: more than `channels` for some of the channels,
 *   a multiple of 4 of them
 */
export function depthwiseInputGrad(
  dy: usize,
  w: usize,
  dx: usize,
  batch: i32,
  height: i32,
  width: i32,
  channels: i32,
  outHeight: i32,
  outWidth: i32,
  filterHeight: i32,
  filterWidth: i32,
  strideHeight: i32,
  strideWidth: i32,
  dilationHeight: i32,
  dilationWidth: i32,
  top: i32,
  left: i32,
  pitch: i32,
): void {
  const bytes = (<usize>channels) << 2;
  const pixel = (<usize>pitch) << 2;
  const xStep = pixel * strideWidth;
  const gap = dilationWidth;
  for (let image = 0; image < batch; image++) {
    for (let outRow = 0; outRow < outHeight; outRow++) {
      for (let r = 0; r < filterHeight; r++) {
        const row = outRow * strideHeight - top + r * dilationHeight;
        if (row < 0 || row >= height) continue;
        const dxRow = dx + pixel * <usize>((image * height + row) * width);
        for (let s = 0; s < filterWidth;) {
          const offset = s * dilationWidth - left;
          const tapX = dxRow + pixel * offset;
          const tapW = w + pixel * <usize>(r * filterWidth + s);
          const begin = firstInside(offset, strideWidth);
          const end = endInside(offset, strideWidth, width, outWidth);
          const low = max(begin, 2 * gap);
          if (s + 3 <= filterWidth && (pitch & 3) == 0 && strideWidth == 1 && end > low) {
            inputTriple(tapX, dy, tapW, low, end, pixel * gap, pixel, bytes);
            inputTap(tapX, dy, tapW, begin, low, xStep, pixel, bytes);
            for (let t = 1; t < 3; t++) {
              const shift = t * gap;
              const x = tapX + pixel * shift;
              const f = tapW + pixel * t;
              const first = firstInside(offset + shift, 1);
              const last = endInside(offset + shift, 1, width, outWidth);
              inputTap(x, dy, f, first, low - shift, xStep, pixel, bytes);
              inputTap(x, dy, f, end - shift, last, xStep, pixel, bytes);
            }
            s += 3;
          } else {
            inputTap(tapX, dy, tapW, begin, end, xStep, pixel, bytes);
            s++;
          }
        }
      }
      dy += pixel * outWidth;
    }
  }
}
