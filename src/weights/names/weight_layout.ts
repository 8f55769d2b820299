/** How PyTorch and tfjs lay out the same weight, and the way from one to the other. */

/** Shapes and elements of one kind of weight in both layouts. Pure functions, inverse to each other. */
export interface WeightLayout {
  readonly name: string;
  /** Element type that PyTorch has of it. Default float32, as here. */
  readonly publishedType?: 'int64';
  /** Shape in tfjs; undefined where `published` is not a shape of this kind. */
  ownShape(published: readonly number[]): number[] | undefined;
  /** Shape in PyTorch; undefined where `own` is not a shape of this kind. */
  publishedShape(own: readonly number[]): number[] | undefined;
  /** PyTorch's elements in tfjs's order. The answer may be `data` itself. */
  toOwn(data: Float32Array, published: readonly number[]): Float32Array;
  /** tfjs's elements in PyTorch's order. The answer may be `data` itself. */
  toPublished(data: Float32Array, own: readonly number[]): Float32Array;
}

/** Tile of the transposition, in elements: both sides of a tile stay in the cache. */
const TILE = 32;

/**
 * `[a, b, c]` to `[c, b, a]`. Its own inverse, with the sizes swapped. Every layout below is this
 * or the identity.
 */
export function swapOuter(data: Float32Array, a: number, b: number, c: number): Float32Array {
  const out = new Float32Array(data.length);
  // As integers: a NaN's payload may not survive as a number.
  const from = new Uint32Array(data.buffer, data.byteOffset, data.length);
  const to = new Uint32Array(out.buffer);
  for (let i0 = 0; i0 < a; i0 += TILE) {
    const i1 = Math.min(i0 + TILE, a);
    for (let j = 0; j < b; j++) {
      for (let k0 = 0; k0 < c; k0 += TILE) {
        const k1 = Math.min(k0 + TILE, c);
        for (let i = i0; i < i1; i++) {
          for (let k = k0; k < k1; k++)
            to[(k * b + j) * a + i] = from[(i * b + j) * c + k] as number;
        }
      }
    }
  }
  return out;
}

type Shape = readonly number[];
type Two = readonly [number, number];
type Four = readonly [number, number, number, number];

function isTwo(shape: Shape): shape is Two {
  return shape.length === 2;
}

function isFour(shape: Shape): shape is Four {
  return shape.length === 4;
}

function sameVector(shape: Shape): number[] | undefined {
  return shape.length === 1 ? [...shape] : undefined;
}

function sameScalar(shape: Shape): number[] | undefined {
  return shape.length === 0 ? [] : undefined;
}

/** Biases, norms, layer scales: `[C]` in both. */
export const VECTOR: WeightLayout = {
  name: 'vector',
  ownShape: sameVector,
  publishedShape: sameVector,
  toOwn: (data) => data,
  toPublished: (data) => data,
};

/** Weights that only this package has: as they are here. */
export const OWN: WeightLayout = {
  name: 'own',
  ownShape: (shape) => [...shape],
  publishedShape: (shape) => [...shape],
  toOwn: (data) => data,
  toPublished: (data) => data,
};

/** Counts: a scalar in both, in PyTorch of whole numbers. */
export const COUNT: WeightLayout = {
  name: 'count',
  publishedType: 'int64',
  ownShape: sameScalar,
  publishedShape: sameScalar,
  toOwn: (data) => data,
  toPublished: (data) => data,
};

/** Alphas: `[1, C, 1, 1]` in PyTorch, `[C]` here. */
export const ALPHA: WeightLayout = {
  name: 'alpha',
  ownShape: (shape) => {
    if (!isFour(shape)) return undefined;
    const [one, channels, height, width] = shape;
    return one === 1 && height === 1 && width === 1 ? [channels] : undefined;
  },
  publishedShape: (shape) => (shape.length === 1 ? [1, ...shape, 1, 1] : undefined),
  toOwn: (data) => data,
  toPublished: (data) => data,
};

/** Matrices: the rows of one layout are the columns of the other. */
function transpose(data: Float32Array, shape: Shape): Float32Array {
  const [rows, columns] = shape as Two;
  return swapOuter(data, rows, 1, columns);
}

/** Linear layers: `[out, in]` in PyTorch, `[in, out]` here. */
export const LINEAR: WeightLayout = {
  name: 'linear',
  ownShape: (shape) => (isTwo(shape) ? [shape[1], shape[0]] : undefined),
  publishedShape: (shape) => (isTwo(shape) ? [shape[1], shape[0]] : undefined),
  toOwn: transpose,
  toPublished: transpose,
};

/** 1x1 convolutions: `[out, in, 1, 1]` in PyTorch, `[in, out]` here. */
export const POINTWISE: WeightLayout = {
  name: 'pointwise',
  ownShape: (shape) => {
    if (!isFour(shape)) return undefined;
    const [out, into, height, width] = shape;
    return height === 1 && width === 1 ? [into, out] : undefined;
  },
  publishedShape: (shape) => (isTwo(shape) ? [shape[1], shape[0], 1, 1] : undefined),
  toOwn: transpose,
  toPublished: transpose,
};

/** Convolutions: `[out, in, height, width]` in PyTorch, `[height, width, in, out]` here. */
export const CONVOLUTION: WeightLayout = {
  name: 'convolution',
  ownShape: (shape) => {
    if (!isFour(shape)) return undefined;
    const [out, into, height, width] = shape;
    return [height, width, into, out];
  },
  publishedShape: (shape) => {
    if (!isFour(shape)) return undefined;
    const [height, width, into, out] = shape;
    return [out, into, height, width];
  },
  toOwn: (data, published) => {
    const [out, into, height, width] = published as Four;
    return swapOuter(data, out, into, height * width);
  },
  toPublished: (data, own) => {
    const [height, width, into, out] = own as Four;
    return swapOuter(data, height * width, into, out);
  },
};

/** Side of the maps of features whose values a `FLATTENED` weight multiplies. */
const FLAT_SIDE = 7;
const FLAT_PLACES = FLAT_SIDE * FLAT_SIDE;

/**
 * Products of all values of a map of 7 x 7 features: `[out, C * 7 * 7]` in PyTorch, which goes by channels first,
 * `[7, 7, C, out]` here. Of maps of other sizes PyTorch's shape would not tell the order.
 */
export const FLATTENED: WeightLayout = {
  name: 'flattened',
  ownShape: (shape) => {
    if (!isTwo(shape) || shape[1] % FLAT_PLACES !== 0) return undefined;
    return [FLAT_SIDE, FLAT_SIDE, shape[1] / FLAT_PLACES, shape[0]];
  },
  publishedShape: (shape) => {
    if (!isFour(shape)) return undefined;
    const [height, width, into, out] = shape;
    return height === FLAT_SIDE && width === FLAT_SIDE ? [out, into * FLAT_PLACES] : undefined;
  },
  toOwn: (data, published) => {
    const [out, values] = published as Two;
    return swapOuter(data, out, values / FLAT_PLACES, FLAT_PLACES);
  },
  toPublished: (data, own) => {
    const [, , into, out] = own as Four;
    return swapOuter(data, FLAT_PLACES, into, out);
  },
};

/** The matrices of each of `count` inputs, transposed. */
function transposeEach(data: Float32Array, count: number, shape: Two): Float32Array {
  const size = shape[0] * shape[1];
  const out = new Float32Array(data.length);
  for (let i = 0; i < count; i++) {
    out.set(transpose(data.subarray(i * size, (i + 1) * size), shape), i * size);
  }
  return out;
}

/** Transposed convolutions: `[in, out, height, width]` in PyTorch, `[in, height, width, out]` here. */
export const TRANSPOSED: WeightLayout = {
  name: 'transposed',
  ownShape: (shape) => {
    if (!isFour(shape)) return undefined;
    const [into, out, height, width] = shape;
    return [into, height, width, out];
  },
  publishedShape: (shape) => {
    if (!isFour(shape)) return undefined;
    const [into, height, width, out] = shape;
    return [into, out, height, width];
  },
  toOwn: (data, published) => {
    const [into, out, height, width] = published as Four;
    return transposeEach(data, into, [out, height * width]);
  },
  toPublished: (data, own) => {
    const [into, height, width, out] = own as Four;
    return transposeEach(data, into, [height * width, out]);
  },
};

/** Depthwise convolutions: `[C, 1, height, width]` in PyTorch, `[height, width, C, 1]` here. */
export const DEPTHWISE: WeightLayout = {
  name: 'depthwise',
  ownShape: (shape) => {
    if (!isFour(shape)) return undefined;
    const [channels, one, height, width] = shape;
    return one === 1 ? [height, width, channels, 1] : undefined;
  },
  publishedShape: (shape) => {
    if (!isFour(shape)) return undefined;
    const [height, width, channels, one] = shape;
    return one === 1 ? [channels, 1, height, width] : undefined;
  },
  toOwn: (data, published) => {
    const [channels, , height, width] = published as Four;
    return swapOuter(data, channels, 1, height * width);
  },
  toPublished: (data, own) => {
    const [height, width, channels] = own as Four;
    return swapOuter(data, height * width, 1, channels);
  },
};
