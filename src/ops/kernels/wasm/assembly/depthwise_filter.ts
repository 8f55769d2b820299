/**
 * Gradient of a depthwise convolution (one output per channel, NHWC) with respect to its filter, for
 * any filter size, stride, padding and dilation. Work goes filter row by filter row along one row of
 * the image, four channels at a time, three horizontal taps at once where all three lie inside.
 */
import { addTo, endInside, firstInside } from './rows';

/** Sum of x dy over `count` pixels, four channels. */
function dot(x: usize, dy: usize, count: i32, xStep: usize, dyStep: usize): v128 {
  let sum = f32x4.splat(0);
  for (let i = 0; i < count; i++) {
    sum = f32x4.add(sum, f32x4.mul(v128.load(x), v128.load(dy)));
    x += xStep;
    dy += dyStep;
  }
  return sum;
}

/** dw of one tap over one row: columns [from, to) of dy against x, `x` being that of column 0. */
function filterTap(
  x: usize,
  dy: usize,
  dw: usize,
  from: i32,
  to: i32,
  xStep: usize,
  pitch: usize,
  bytes: usize,
): void {
  if (to <= from) return;
  x += xStep * from;
  dy += pitch * from;
  const wide = bytes & ~15;
  let at: usize = 0;
  for (; at < wide; at += 16) addTo(dw + at, dot(x + at, dy + at, to - from, xStep, pitch));
  for (; at < bytes; at += 4) {
    let sum: f32 = 0;
    for (let i: usize = 0; i < <usize>(to - from); i++) {
      sum += load<f32>(x + at + xStep * i) * load<f32>(dy + at + pitch * i);
    }
    store<f32>(dw + at, load<f32>(dw + at) + sum);
  }
}

/** Three taps `tapStep` bytes of x apart over one row, columns [from, to). */
function filterTriple(
  x: usize,
  dy: usize,
  dw: usize,
  from: i32,
  to: i32,
  xStep: usize,
  tapStep: usize,
  pitch: usize,
  bytes: usize,
): void {
  x += xStep * from;
  dy += pitch * from;
  for (let at: usize = 0; at < bytes; at += 16) {
    let s0 = f32x4.splat(0);
    let s1 = f32x4.splat(0);
    let s2 = f32x4.splat(0);
    let p = x + at;
    let q = dy + at;
    for (let i = from; i < to; i++) {
      const g = v128.load(q);
      s0 = f32x4.add(s0, f32x4.mul(g, v128.load(p)));
      s1 = f32x4.add(s1, f32x4.mul(g, v128.load(p + tapStep)));
      s2 = f32x4.add(s2, f32x4.mul(g, v128.load(p + tapStep + tapStep)));
      p += xStep;
      q += pitch;
    }
    addTo(dw + at, s0);
    addTo(dw + pitch + at, s1);
    addTo(dw + pitch + pitch + at, s2);
  }
}

/**
 * Adds to dw (filterHeight x filterWidth x channels) the sum over pixels of x dy.
 *
 * @param pitch values from one pixel to the next, of all three: more than `channels` for some of the channels,
 *   a multiple of 4 of them
 */
export function depthwiseFilterGrad(
  x: usize,
  dy: usize,
  dw: usize,
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
  const tapStep = pixel * dilationWidth;
  for (let image = 0; image < batch; image++) {
    for (let outRow = 0; outRow < outHeight; outRow++) {
      for (let r = 0; r < filterHeight; r++) {
        const row = outRow * strideHeight - top + r * dilationHeight;
        if (row < 0 || row >= height) continue;
        const xRow = x + pixel * <usize>((image * height + row) * width);
        for (let s = 0; s < filterWidth;) {
          const offset = s * dilationWidth - left;
          const tapX = xRow + pixel * offset;
          const tapW = dw + pixel * <usize>(r * filterWidth + s);
          const begin = firstInside(offset, strideWidth);
          const end = endInside(offset, strideWidth, width, outWidth);
          const offset2 = offset + 2 * dilationWidth;
          const end2 = endInside(offset2, strideWidth, width, outWidth);
          if (s + 3 <= filterWidth && (pitch & 3) == 0 && end2 > begin) {
            const offset1 = offset + dilationWidth;
            const begin1 = firstInside(offset1, strideWidth);
            const begin2 = firstInside(offset2, strideWidth);
            const end1 = endInside(offset1, strideWidth, width, outWidth);
            filterTriple(tapX, dy, tapW, begin, end2, xStep, tapStep, pixel, bytes);
            filterTap(tapX, dy, tapW, end2, end, xStep, pixel, bytes);
            filterTap(tapX + tapStep, dy, tapW + pixel, begin1, begin, xStep, pixel, bytes);
            filterTap(tapX + tapStep, dy, tapW + pixel, end2, end1, xStep, pixel, bytes);
            const last = tapX + tapStep + tapStep;
            filterTap(last, dy, tapW + pixel + pixel, begin2, begin, xStep, pixel, bytes);
            s += 3;
          } else {
            filterTap(tapX, dy, tapW, begin, end, xStep, pixel, bytes);
            s++;
          }
        }
      }
      dy += pixel * outWidth;
    }
  }
}
