/** Small random programs of convolutions, poolings, resizes and normalisations. */
import * as tf from '@tensorflow/tfjs';

import { activated, ACTIVATIONS, type Case, type Choices, input } from './gradient_programs';

type Four = tf.Tensor4D;
type Five = tf.Tensor5D;
type Pair = [number, number];
type Triple = [number, number, number];

const padding = (c: Choices) => c.pick(['same', 'valid'] as const);
const pairOf = (c: Choices, low: number, high: number): Pair => [
  c.int(low, high),
  c.int(low, high),
];
const tripleOf = (c: Choices, low: number, high: number): Triple => [
  ...pairOf(c, low, high),
  c.int(low, high),
];

const convolutions: Case[] = [
  {
    name: 'conv1d',
    make(c) {
      const [inner, outer, size] = tripleOf(c, 1, 3);
      const [strides, pad] = [c.int(1, 2), padding(c)];
      return {
        inputs: [input([2, 7, inner]), input([size, inner, outer])],
        run: (x, w) => tf.conv1d(x as tf.Tensor3D, w as tf.Tensor3D, strides, pad),
      };
    },
  },
  {
    name: 'conv2d',
    make(c) {
      const [inner, outer] = pairOf(c, 1, 4);
      const [strides, pad] = [pairOf(c, 1, 3), padding(c)];
      return {
        inputs: [
          input([c.int(1, 2), ...pairOf(c, 4, 7), inner]),
          input([...pairOf(c, 1, 3), inner, outer]),
        ],
        run: (x, w) => tf.conv2d(x as Four, w as Four, strides, pad),
      };
    },
  },
  {
    name: 'conv2d, padding in pixels',
    make(c) {
      const [side, strides, pad] = tripleOf(c, 1, 3);
      const explicit: [Pair, Pair, Pair, Pair] = [[0, 0], pairOf(c, 0, 2), pairOf(c, 0, 2), [0, 0]];
      const given = c.flag() ? pad : explicit;
      return {
        inputs: [input([2, ...pairOf(c, 5, 7), 2]), input([side, side, 2, 3])],
        run: (x, w) => tf.conv2d(x as Four, w as Four, strides, given, 'NHWC', 1, 'floor'),
      };
    },
  },
  ...ACTIVATIONS.map((activation): Case => ({
    name: `fused conv2d, ${activation}`,
    make(c) {
      const [strides, pad] = [c.int(1, 2), padding(c)];
      return {
        inputs: [input([2, 5, 5, 2]), input([3, 3, 2, 3]), input([3])],
        run: (x, filter, bias) =>
          tf.fused.conv2d({
            x: x as Four,
            filter: filter as Four,
            bias: bias as tf.Tensor1D,
            strides,
            pad,
            ...activated(activation, 3),
          }),
      };
    },
  })),
  ...(['linear', 'relu', 'elu', 'relu6'] as const).map((activation): Case => ({
    name: `fused depthwiseConv2d, ${activation}`,
    make(c) {
      const [strides, pad] = [c.int(1, 2), padding(c)];
      return {
        inputs: [input([2, 5, 5, 2]), input([3, 3, 2, 1]), input([2])],
        run: (x, filter, bias) =>
          tf.fused.depthwiseConv2d({
            x: x as Four,
            filter: filter as Four,
            bias: bias as tf.Tensor1D,
            strides,
            pad,
            activation,
          }),
      };
    },
  })),
  {
    name: 'conv2dTranspose',
    make(c) {
      const [strides, side, height] = [c.int(1, 2), c.int(1, 3), c.int(2, 4)];
      const pad = padding(c);
      const out = pad === 'same' ? height * strides : (height - 1) * strides + side;
      return {
        inputs: [input([2, height, height, 3]), input([side, side, 2, 3])],
        run: (x, w) => tf.conv2dTranspose(x as Four, w as Four, [2, out, out, 2], strides, pad),
      };
    },
  },
  {
    name: 'depthwiseConv2d',
    make(c) {
      const [inner, multiplier, strides] = [c.int(1, 4), c.int(1, 3), c.int(1, 2)];
      const pad = padding(c);
      return {
        inputs: [
          input([2, ...pairOf(c, 5, 7), inner]),
          input([...pairOf(c, 1, 3), inner, multiplier]),
        ],
        run: (x, w) => tf.depthwiseConv2d(x as Four, w as Four, strides, pad),
      };
    },
  },
  {
    name: 'separableConv2d',
    make(c) {
      const strides = c.int(1, 2);
      return {
        inputs: [input([2, 5, 5, 2]), input([3, 3, 2, 2]), input([1, 1, 4, 3])],
        run: (x, depthwise, pointwise) =>
          tf.separableConv2d(x as Four, depthwise as Four, pointwise as Four, strides, 'same'),
      };
    },
  },
  {
    name: 'conv3d',
    make(c) {
      const [inner, outer] = pairOf(c, 1, 3);
      const [strides, pad] = [tripleOf(c, 1, 3), padding(c)];
      return {
        inputs: [
          input([c.int(1, 2), ...tripleOf(c, 3, 5), inner]),
          input([...tripleOf(c, 1, 3), inner, outer]),
        ],
        run: (x, w) => tf.conv3d(x as Five, w as Five, strides, pad),
      };
    },
  },
  {
    name: 'dilation2d',
    make(c) {
      const [strides, dilations] = c.pick([[1, 1], [2, 1], [1, 2]] as Pair[]); // prettier-ignore
      const pad = padding(c);
      return {
        inputs: [input([2, 6, 6, 2], -3, -1, true), input([2, 3, 2], -0.01, 0.01)],
        run: (x, w) => tf.dilation2d(x as Four, w as tf.Tensor3D, strides, pad, dilations),
      };
    },
  },
];

const BORDER = 'divides by the whole filter where the window reaches over the border';
const TIES = 'finds the wrong position of the maximum';

const poolings: Case[] = [
  ...(['maxPool', 'avgPool'] as const).map((pool): Case => ({
    name: pool,
    cpuIsWrong: pool === 'avgPool' ? BORDER : undefined,
    make(c) {
      const [filter, strides, pad] = [pairOf(c, 1, 3), pairOf(c, 1, 3), padding(c)];
      const low = c.pick([-3, -1]);
      return {
        inputs: [input([c.int(1, 2), ...pairOf(c, 3, 6), c.int(1, 3)], low, low + 2, true)],
        run: (x) => tf[pool](x as Four, filter, strides, pad),
      };
    },
  })),
  ...(['maxPool3d', 'avgPool3d'] as const).map((pool): Case => ({
    name: pool,
    cpuIsWrong: pool === 'avgPool3d' ? BORDER : TIES,
    make(c) {
      const [filter, strides, pad] = [tripleOf(c, 1, 3), tripleOf(c, 1, 2), padding(c)];
      const low = c.pick([-3, -1]);
      return {
        inputs: [input([c.int(1, 2), ...tripleOf(c, 3, 5), c.int(1, 2)], low, low + 2, true)],
        run: (x) => tf[pool](x as Five, filter, strides, pad),
      };
    },
  })),
  ...(['max', 'avg'] as const).map((kind): Case => ({
    name: `pool, dilated, ${kind}`,
    make: () => ({
      inputs: [input([2, 6, 6, 2], -3, -1, true)],
      run: (x) => tf.pool(x as Four, 2, kind, 'same', 2, 1),
    }),
    cpuIsWrong: kind === 'avg' ? BORDER : undefined,
  })),
];

const STRIDES = 'mixes up the batch entries';
const CENTRES = 'leaves out the shift of half-pixel centres';

const resizes: Case[] = (['resizeBilinear', 'resizeNearestNeighbor'] as const).flatMap((resize) =>
  (
    [
      [false, false],
      [true, false],
      [false, true],
    ] as const
  ).map(
    // prettier-ignore
    ([align, half]): Case => ({
      name: `${resize}${align ? ', aligned corners' : ''}${half ? ', half-pixel centres' : ''}`,
      cpuIsWrong: half ? CENTRES : STRIDES,
      make(c) {
        const size = pairOf(c, 1, 7);
        return {
          inputs: [input([c.int(1, 2), ...pairOf(c, 2, 5), 2])],
          run: (x) => tf.image[resize](x as Four, size, align, half),
        };
      },
    }),
  ),
);

const normalisations: Case[] = [
  {
    name: 'batchNorm',
    make(c) {
      const full = c.pick([[3, 2], [2, 3, 2], [2, 2, 3, 2]]); // prettier-ignore
      const channels = c.flag() ? full : full.slice(-1);
      return {
        inputs: [
          input(full),
          input(channels),
          input(channels, 0.5, 2),
          input(channels),
          input(channels),
        ],
        run: (x, mean, variance, offset, scale) =>
          tf.batchNorm(
            x as Four,
            mean as tf.Tensor1D,
            variance as tf.Tensor1D,
            offset as tf.Tensor1D,
            scale as tf.Tensor1D,
            1e-2,
          ),
      };
    },
  },
  {
    name: 'localResponseNormalization',
    make: () => ({
      inputs: [input([2, 3, 3, 6])],
      run: (x) => tf.localResponseNormalization(x as Four, 2, 1, 0.5, 0.5),
    }),
  },
];

/** All programs on images and volumes. */
export const IMAGE_PROGRAMS: readonly Case[] = [
  ...convolutions,
  ...poolings,
  ...resizes,
  ...normalisations,
];
