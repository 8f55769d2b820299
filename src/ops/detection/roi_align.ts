/** RoIAlign: features of regions of images, of one size each, with its gradient. */
import * as tf from '@tensorflow/tfjs-core';

import {
  requireArgument,
  requireInteger,
  requireList,
  requireRanges,
  show,
} from '../../common/arguments';
import { defineOp, type Op } from '../engine/define_op';
import { disposingTapeOnError } from '../engine/engine';
import { batchMatMul } from '../mat_mul';
import { scatterRows } from '../scatter_rows';
import { type Box, requireBoxes } from './box_list';
import { type Chunk, chunksOf, chunkTensors, type Region } from './region_chunks';
import { regionWindows } from './roi_samples';

const OWNER = 'roiAlign';

/** Which regions to look at, and how. */
export interface RoiAlignOptions {
  /**
   * Regions, five numbers each: the number of the image in the batch, then `x1, y1, x2, y2` in pixels of the
   * image. They may reach outside.
   */
  regions: ArrayLike<number>;
  /** Number of the map that each region is taken of. Default: all of the first. */
  levels?: ArrayLike<number>;
  /** Pixels of the image over those of each map: the strides. */
  strides: readonly number[];
  /** Side of the features of a region, in bins. */
  size: number;
}

interface Attrs extends RoiAlignOptions {
  count: number;
  /** Of each map, once it is known: the way back goes over the same windows as the way there. */
  chunks: Chunk[][];
}

type Shape4 = [number, number, number, number];

/** The regions of a map. */
function regionsOf(
  { regions, levels, strides, size, count }: Attrs,
  map: number,
  shape: Shape4,
): Region[] {
  const [, height, width] = shape;
  const scale = 1 / (strides[map] as number);
  const own: Region[] = [];
  for (let place = 0; place < count; place++) {
    if ((levels ? levels[place] : 0) !== map) continue;
    const [image, ...edges] = Array.from({ length: 5 }, (_, k) => regions[5 * place + k] as number);
    const windows = regionWindows(edges as unknown as Box, scale, size, [height, width]);
    own.push({ place, image: image as number, ...windows });
  }
  return own;
}

/** The regions of a map in chunks. */
function chunksOfMap(attrs: Attrs, map: number, shape: Shape4): readonly Chunk[] {
  return (attrs.chunks[map] ??= chunksOf(regionsOf(attrs, map, shape), shape[3]));
}

/** Features of a chunk, `[regions, size, size, channels]`. */
function chunkForward(x: tf.Tensor, chunk: Chunk, size: number): tf.Tensor {
  const [, tall, wide, channels] = x.shape as Shape4;
  const { height, width } = chunk;
  const count = chunk.regions.length;
  return tf.tidy(() => {
    const { pixels, rows, columns } = chunkTensors(chunk, [tall, wide], size);
    const windows = tf.gather(tf.reshape(x, [-1, channels]), pixels);
    const strips = batchMatMul(rows, tf.reshape(windows, [count, height, width * channels]));
    const bins = batchMatMul(columns, tf.reshape(strips, [count * size, width, channels]));
    return tf.reshape(bins, [count, size, size, channels]);
  });
}

/** What a chunk adds to the gradient of the map, `[pixels, channels]`; `dy` is of all regions. */
function chunkBackward(dy: tf.Tensor, chunk: Chunk, shape: Shape4): tf.Tensor {
  const [batch, tall, wide, channels] = shape;
  const { height, width, regions } = chunk;
  const [count, size] = [regions.length, dy.shape[1] as number];
  return tf.tidy(() => {
    const { pixels, rows, columns } = chunkTensors(chunk, [tall, wide], size);
    const places = tf.tensor1d(
      regions.map(({ place }) => place),
      'int32',
    );
    const own = tf.reshape(tf.gather(dy, places), [count * size, size, channels]);
    const strips = batchMatMul(columns, own, true);
    const windows = batchMatMul(rows, tf.reshape(strips, [count, size, width * channels]), true);
    const values = tf.reshape(windows, [count * height * width, channels]);
    return scatterRows(values, pixels, batch * tall * wide);
  });
}

/** Features of all regions, in their order. */
function alignForward(maps: readonly tf.Tensor[], attrs: Attrs): tf.Tensor {
  const { size, count } = attrs;
  const channels = maps[0]?.shape[3] as number;
  const chunks = maps.flatMap((x, i) =>
    chunksOfMap(attrs, i, x.shape as Shape4).map((chunk) => ({ x, chunk })),
  );
  if (chunks.length === 0) return tf.zeros([0, size, size, channels]);
  const parts = chunks.map(({ x, chunk }) => chunkForward(x, chunk, size));
  const order = new Int32Array(count);
  chunks
    .flatMap(({ chunk }) => chunk.regions)
    .forEach(({ place }, i) => {
      order[place] = i;
    });
  return tf.gather(tf.concat(parts, 0), tf.tensor1d(order, 'int32'));
}

function alignBackward(dy: tf.Tensor, map: number, shape: Shape4, attrs: Attrs): tf.Tensor {
  let sum: tf.Tensor | null = null;
  for (const chunk of chunksOfMap(attrs, map, shape)) {
    const before: tf.Tensor | null = sum;
    sum = tf.tidy(() => {
      const part = chunkBackward(dy, chunk, shape);
      return before ? tf.add(before, part) : part;
    });
    before?.dispose();
  }
  return sum ? tf.reshape(sum, shape) : tf.zeros(shape);
}

const ops = new Map<number, Op<string, Attrs>>();

/** The operation on so many maps: the names of its inputs are fixed. */
function opOf(count: number): Op<string, Attrs> {
  let op = ops.get(count);
  if (!op) {
    op = defineOp({
      name: `RevColRoiAlign${count}`,
      inputs: Array.from({ length: count }, (_, i) => `x${i}`),
      forward: (maps, attrs: Attrs) => alignForward(Object.values(maps), attrs),
      backward: (dy, maps, attrs) =>
        Object.fromEntries(
          Object.entries(maps).map(([name, { shape }], i) => [
            name,
            () => alignBackward(dy, i, shape as Shape4, attrs),
          ]),
        ),
    });
    ops.set(count, op);
  }
  return op;
}

/**
 * RoIAlign (He et al. 2017, arXiv 1703.06870) as one tape node, as mmcv's `RoIAlign(aligned=True,
 * sampling_ratio=0)` and torchvision's `roi_align(aligned=True)` compute it: `size` x `size` bins per region,
 * each the mean of as many evenly spaced samples as the bin is long and wide, interpolated between pixels; see
 * `axisWindow`. A region without width or height gives zeros. Regions have no gradient.
 *
 * No operation of tfjs is this: `tf.image.cropAndResize` takes one sample per bin, at the corners.
 *
 * @param maps of the levels of a pyramid, each `[batch, height, width, channels]`, float32, with the same
 *   channels
 * @returns `[regions, size, size, channels]`
 * @throws {Error} when maps are no images of the same channels, regions are not finite or of an image or a map
 *   that there is none of, or there is not one stride above 0 for each map
 */
export function roiAlign(maps: readonly tf.Tensor[], options: RoiAlignOptions): tf.Tensor4D {
  const count = disposingTapeOnError(() => checkRegions(maps, options));
  const inputs = Object.fromEntries(maps.map((map, i) => [`x${i}`, map]));
  return opOf(maps.length)(inputs, { ...options, count, chunks: [] }) as tf.Tensor4D;
}

/** Beyond it a sample's place cannot be told by differences of doubles. */
const MOST_EDGE = 1e9;

function checkRegions(
  maps: readonly tf.Tensor[],
  { regions, levels, strides, size }: RoiAlignOptions,
): number {
  requireList(OWNER, 'maps', maps, 'tensors [batch, height, width, channels]');
  const [first] = maps;
  for (const [i, map] of maps.entries()) {
    const fits = map instanceof tf.Tensor && map.rank === 4 && !map.shape.includes(0);
    requireArgument(OWNER, `maps[${i}]`, map, fits, 'a tensor [batch, height, width, channels]');
    if (map.shape[0] === first?.shape[0] && map.shape[3] === first?.shape[3]) continue;
    throw new Error(
      `${OWNER}: maps[${i}] is ${show(map.shape)}, maps[0] ${show(first?.shape)}; expected one batch and ` +
        'the same channels',
    );
  }
  requireList(OWNER, 'strides', strides, 'numbers above 0');
  if (maps.length === 0 || strides.length !== maps.length) {
    throw new Error(
      `${OWNER}: ${maps.length} maps and ${strides.length} strides; expected one for each`,
    );
  }
  requireRanges(
    OWNER,
    strides.map((stride, i) => [`strides[${i}]`, stride, stride > 0, 'above 0'] as const),
  );
  requireInteger(OWNER, 'size', size, 1);
  const count = requireBoxes(OWNER, 'regions', regions, 5);
  for (let i = 0; i < regions.length; i++) {
    const edge = regions[i] as number;
    if (Math.abs(edge) <= MOST_EDGE) continue;
    requireArgument(OWNER, `regions[${i}]`, edge, false, `pixels, at most ${MOST_EDGE}`);
  }
  if (levels !== undefined && levels.length !== count) {
    throw new Error(
      `${OWNER}: ${levels.length} levels for ${count} regions; expected one for each`,
    );
  }
  const requireBelow = (what: string, i: number, value: number | undefined, limit: number) => {
    if (Number.isInteger(value) && Number(value) >= 0 && Number(value) < limit) return;
    requireArgument(OWNER, `the ${what} of region ${i}`, value, false, `one of ${limit}`);
  };
  for (let i = 0; i < count; i++) {
    requireBelow('image', i, regions[5 * i], first?.shape[0] ?? 0);
    requireBelow('level', i, levels ? levels[i] : 0, maps.length);
  }
  return count;
}

/**
 * Levels of a pyramid that boxes are taken of (Lin et al. 2017, arXiv 1612.03144, equation 1): boxes whose side,
 * the root of their area, is below twice `finest` of the lowest, each doubling one further.
 *
 * @param regions five numbers each, as for `roiAlign`
 * @param count of levels
 * @param finest in pixels, above 0. Published: 56
 */
export function regionLevels(
  regions: ArrayLike<number>,
  count: number,
  finest: number,
): Int32Array {
  const owner = 'regionLevels';
  const total = requireBoxes(owner, 'regions', regions, 5);
  requireInteger(owner, 'count', count, 1);
  requireRanges(owner, [['finest', finest, finest > 0, 'above 0']]);
  return Int32Array.from({ length: total }, (_, i) => {
    const at = (k: number) => regions[5 * i + k] as number;
    const side = Math.sqrt(Math.max(0, (at(3) - at(1)) * (at(4) - at(2))));
    const level = Math.floor(Math.log2(side / finest + 1e-6));
    return Math.min(count - 1, Math.max(0, level));
  });
}
