/** How the gradients of a depthwise convolution go image by image where channels have many outputs. */
import { type WasmBackend, withScratch } from './backend';
import type { ConvGeometry } from './conv_geometry';

/**
 * The SIMD kernels know one output per channel. With more, channel c stands `multiplier` times side
 * by side in a copy of the image, which makes filter and dy those of an ordinary depthwise
 * convolution over channels x multiplier channels. The copy holds one image at a time.
 */
export function forEachImage(
  backend: WasmBackend,
  g: ConvGeometry,
  multiplier: number,
  fn: (image: number, expanded: number, count: number) => void,
): void {
  if (multiplier === 1) {
    fn(0, 0, g.batch);
    return;
  }
  withScratch(backend, pixels(g) * g.outChannels * 4, (expanded) => {
    for (let image = 0; image < g.batch; image++) fn(image, expanded, 1);
  });
}

/** What both SIMD kernels take after their pointers: the geometry, and values from one pixel to the next. */
export function geometryArguments(g: ConvGeometry, batch: number): number[] {
  return [
    ...[batch, g.height, g.width, g.outChannels, g.outHeight, g.outWidth],
    ...[g.filterHeight, g.filterWidth, g.strideHeight, g.strideWidth],
    ...[g.dilationHeight, g.dilationWidth, g.top, g.left, g.outChannels],
  ];
}

/** Pixels of an input image. */
export function pixels(g: ConvGeometry): number {
  return g.height * g.width;
}

/** Bytes of an image before or after the convolution. */
export function bytesPerImage(g: ConvGeometry, side: 'input' | 'output'): number {
  return 4 * (side === 'input' ? pixels(g) * g.channels : g.outHeight * g.outWidth * g.outChannels);
}

/** `length` floats of the heap. Allocating anything may make the view stale. */
export function heap(backend: WasmBackend, address: number, length: number): Float32Array {
  return new Float32Array(backend.wasm.HEAPU8.buffer, address, length);
}
