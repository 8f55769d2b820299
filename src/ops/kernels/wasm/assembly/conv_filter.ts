/**
 * Gradient of a convolution with respect to its filter, NHWC: the product of the transposed patches
 * (filter values x output pixels) and dy (output pixels x output channels).
 */
import { multiply, PATCHES } from './gemm';
import { setPatches } from './patches';

/**
 * @param x batch x height x width x channels
 * @param dy batch x outHeight x outWidth x outChannels, none of them 0
 * @param dw filterHeight x filterWidth x channels x outChannels, overwritten
 * @param scratch BLOCK_SCRATCH bytes
 */
export function convFilterGrad(
  x: usize,
  dy: usize,
  dw: usize,
  batch: i32,
  height: i32,
  width: i32,
  channels: i32,
  outHeight: i32,
  outWidth: i32,
  outChannels: i32,
  filterHeight: i32,
  filterWidth: i32,
  strideHeight: i32,
  strideWidth: i32,
  top: i32,
  left: i32,
  scratch: usize,
): void {
  setPatches(
    x,
    height,
    width,
    channels,
    outHeight,
    outWidth,
    filterWidth,
    strideHeight,
    strideWidth,
    top,
    left,
  );
  const rows = filterHeight * filterWidth * channels;
  const pixels = batch * outHeight * outWidth;
  const stride = (<usize>outChannels) << 2;
  multiply(
    PATCHES,
    0,
    dy,
    0,
    dw,
    rows,
    outChannels,
    pixels,
    false,
    scratch,
    0,
    stride,
    stride,
    false,
  );
}
