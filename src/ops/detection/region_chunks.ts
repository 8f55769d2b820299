/** Regions of one map in chunks whose windows fit into a bounded amount of memory. */
import * as tf from '@tensorflow/tfjs-core';

import type { AxisWindow } from './roi_samples';

/** A region of a map: the image, what RoIAlign takes of it along both axes, and its place among all regions. */
export interface Region {
  readonly place: number;
  readonly image: number;
  readonly rows: AxisWindow;
  readonly columns: AxisWindow;
}

/** Values that the windows of a chunk may hold together. */
const MOST_VALUES = 2 ** 22;

/** Regions that are computed together, in windows of one size. */
export interface Chunk {
  readonly regions: readonly Region[];
  readonly height: number;
  readonly width: number;
}

/** Chunks of regions of a map with so many channels, those of like windows together. */
export function chunksOf(regions: readonly Region[], channels: number): Chunk[] {
  const sizeOf = ({ rows, columns }: Region) => rows.count * columns.count;
  const sorted = [...regions].sort((a, b) => sizeOf(a) - sizeOf(b) || a.place - b.place);
  const chunks: { regions: Region[]; height: number; width: number }[] = [];
  for (const region of sorted) {
    const last = chunks.at(-1);
    const height = Math.max(1, last?.height ?? 0, region.rows.count);
    const width = Math.max(1, last?.width ?? 0, region.columns.count);
    const values = ((last?.regions.length ?? 0) + 1) * height * width * channels;
    if (last && values <= MOST_VALUES) {
      last.regions.push(region);
      Object.assign(last, { height, width });
    } else {
      chunks.push({
        regions: [region],
        height: Math.max(1, region.rows.count),
        width: Math.max(1, region.columns.count),
      });
    }
  }
  return chunks;
}

/** A chunk as tensors. */
export interface ChunkTensors {
  /** Rows of the map as a matrix of pixels that the windows hold, `[regions * height * width]`, int32. */
  pixels: tf.Tensor1D;
  /** `[regions, bins, height]`. */
  rows: tf.Tensor3D;
  /** `[regions * bins, bins, width]`: those of a region for each of its rows of bins. */
  columns: tf.Tensor3D;
}

/** @param map height and width of the map */
export function chunkTensors(
  { regions, height, width }: Chunk,
  [tall, wide]: readonly [number, number],
  bins: number,
): ChunkTensors {
  const pixels = new Int32Array(regions.length * height * width);
  const rows = new Float32Array(regions.length * bins * height);
  const columns = new Float32Array(regions.length * bins * bins * width);
  let at = 0;
  regions.forEach((region, r) => {
    const start = region.image * tall * wide;
    for (let y = 0; y < height; y++) {
      const row = start + Math.min(region.rows.first + y, tall - 1) * wide;
      for (let x = 0; x < width; x++) {
        pixels[at++] = row + Math.min(region.columns.first + x, wide - 1);
      }
    }
    copyShares(region.rows, bins, height, rows, r * bins * height);
    const [own, size] = [r * bins * bins * width, bins * width];
    copyShares(region.columns, bins, width, columns, own);
    for (let copy = 1; copy < bins; copy++) columns.copyWithin(own + copy * size, own, own + size);
  });
  return {
    pixels: tf.tensor1d(pixels, 'int32'),
    rows: tf.tensor3d(rows, [regions.length, bins, height]),
    columns: tf.tensor3d(columns, [regions.length * bins, bins, width]),
  };
}

/** Shares with zeros behind, for windows that are longer. */
function copyShares(
  { count, shares }: AxisWindow,
  bins: number,
  length: number,
  to: Float32Array,
  start: number,
): void {
  for (let bin = 0; bin < bins; bin++) {
    const [from, at] = [bin * count, start + bin * length];
    for (let i = 0; i < count; i++) to[at + i] = shares[from + i] as number;
  }
}
