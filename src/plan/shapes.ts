/** The shapes of what tfjs's kernels give, for running a program without computing anything. */
import * as tf from '@tensorflow/tfjs-core';

import * as contract from '../ops/kernels/contract';

/** A tensor's shape and type. */
export interface Shaped {
  readonly shape: number[];
  readonly dtype: tf.DataType;
}

type Inputs = Readonly<Record<string, Shaped>>;
type Attrs = Readonly<Record<string, unknown>>;
type ShapeRule = (inputs: Inputs, attrs: Attrs) => Shaped | Shaped[];

const of = (inputs: Inputs, name: string) => inputs[name] as Shaped;
const first = (inputs: Inputs) => Object.values(inputs)[0] as Shaped;
const float = (shape: number[]): Shaped => ({ shape, dtype: 'float32' });

function unary(inputs: Inputs): Shaped {
  const { shape, dtype } = first(inputs);
  return { shape, dtype };
}

function pair({ a, b, ...rest }: Inputs): Shaped {
  const [x, y] = a && b ? [a, b] : (Object.values({ a, b, ...rest }) as [Shaped, Shaped]);
  const shape = tf.backend_util.assertAndGetBroadcastShape(x.shape, y.shape);
  return { shape, dtype: tf.upcastType(x.dtype, y.dtype) };
}

const compared: ShapeRule = (inputs) => ({ shape: pair(inputs).shape, dtype: 'bool' });

function axesOf(value: unknown, rank: number): number[] {
  const axes = value == null ? Array.from({ length: rank }, (_, d) => d) : [value].flat();
  return (axes as number[]).map((axis) => (axis < 0 ? axis + rank : axis));
}

const reduced: ShapeRule = (inputs, { axis, reductionIndices, keepDims }) => {
  const { shape, dtype } = first(inputs);
  const axes = axesOf(axis ?? reductionIndices, shape.length);
  const kept = shape.map((size, d) => (axes.includes(d) ? 1 : size));
  return {
    shape: keepDims === true ? kept : kept.filter((_, d) => !axes.includes(d)),
    dtype,
  };
};

const multiplied: ShapeRule = ({ a, b }, { transposeA, transposeB }) => {
  const [x, y] = [(a as Shaped).shape, (b as Shaped).shape];
  const rows = x.at(transposeA === true ? -1 : -2) as number;
  const columns = y.at(transposeB === true ? -2 : -1) as number;
  const batch = tf.backend_util.assertAndGetBroadcastShape(x.slice(0, -2), y.slice(0, -2));
  return float([...batch, rows, columns]);
};

const convolved =
  (depthwise: boolean): ShapeRule =>
  (inputs, { strides, pad, dimRoundingMode, dilations, dataFormat }) => {
    const info = tf.backend_util.computeConv2DInfo(
      of(inputs, 'x').shape as [number, number, number, number],
      of(inputs, 'filter').shape as [number, number, number, number],
      strides as number,
      (dilations ?? 1) as number,
      pad as 'same',
      dimRoundingMode as 'floor',
      depthwise,
      tf.backend_util.convertConv2DDataFormat((dataFormat ?? 'NHWC') as 'NHWC'),
    );
    return float(info.outShape);
  };

const pooled: ShapeRule = (inputs, { filterSize, strides, pad, dimRoundingMode }) => {
  const info = tf.backend_util.computePool2DInfo(
    of(inputs, 'x').shape as [number, number, number, number],
    filterSize as number,
    strides as number,
    1,
    pad as 'same',
    dimRoundingMode as 'floor',
  );
  return float(info.outShape);
};

const shapedLike =
  (name: string): ShapeRule =>
  (inputs) => ({ shape: of(inputs, name).shape, dtype: of(inputs, name).dtype });

const resized: ShapeRule = (inputs, { size }) => {
  const [batch, , , channels] = of(inputs, 'images').shape as [number, number, number, number];
  const [height, width] = size as [number, number];
  return float([batch, height, width, channels]);
};

const given =
  (attribute: string): ShapeRule =>
  (_, attrs) =>
    float([...(attrs[attribute] as number[])]);

const sliced: ShapeRule = (inputs, { begin, size }) => {
  const { shape, dtype } = first(inputs);
  const starts = begin as number[];
  return {
    shape: (size as number[]).map((n, d) => (n < 0 ? (shape[d] as number) - (starts[d] ?? 0) : n)),
    dtype,
  };
};

const gathered: ShapeRule = (inputs, { axis, batchDims }) => {
  const [x, indices] = [of(inputs, 'x'), of(inputs, 'indices')];
  const [along] = axesOf(axis ?? 0, x.shape.length) as [number];
  const inner = indices.shape.slice((batchDims ?? 0) as number);
  return {
    shape: [...x.shape.slice(0, along), ...inner, ...x.shape.slice(along + 1)],
    dtype: x.dtype,
  };
};

const joined: ShapeRule = (inputs, { axis }) => {
  const list = Object.values(inputs);
  const { shape, dtype } = list[0] as Shaped;
  const [along] = axesOf(axis, shape.length) as [number];
  const total = list.reduce((sum, t) => sum + (t.shape[along] as number), 0);
  return { shape: shape.map((size, d) => (d === along ? total : size)), dtype };
};

const split: ShapeRule = (inputs, { numOrSizeSplits, axis }) => {
  const { shape, dtype } = first(inputs);
  const [along] = axesOf(axis, shape.length) as [number];
  const count = numOrSizeSplits as number | number[];
  const size = shape[along] as number;
  const sizes = Array.isArray(count) ? count : Array.from({ length: count }, () => size / count);
  return sizes.map((n) => ({ shape: shape.map((s, d) => (d === along ? n : s)), dtype }));
};

const named = (names: string, rule: ShapeRule) =>
  Object.fromEntries(names.split(' ').map((name) => [name, rule]));

/** By kernel. */
export const SHAPE_RULES: Readonly<Record<string, ShapeRule>> = {
  ...named(
    'Abs Ceil ClipByValue Cos Cumsum Elu Erf Exp Expm1 Floor Identity LeakyRelu Log Log1p LogSoftmax Neg ' +
      'OnesLike Reciprocal Relu Relu6 Reverse Round Rsqrt Selu Sigmoid Sign Sin Softmax Softplus Sqrt Square ' +
      'Step Tan Tanh ZerosLike AddN',
    unary,
  ),
  ...named(
    'Add Sub Multiply RealDiv FloorDiv Maximum Minimum Pow SquaredDifference Mod Prelu EluGrad',
    pair,
  ),
  ...named('Equal NotEqual Greater GreaterEqual Less LessEqual LogicalAnd LogicalOr', compared),
  ...named('Sum Mean Max Min Prod', reduced),
  ...named('All Any', (inputs, attrs) => ({
    ...(reduced(inputs, attrs) as Shaped),
    dtype: 'bool',
  })),
  ...named('ArgMax ArgMin', (inputs, attrs) => ({
    ...(reduced(inputs, attrs) as Shaped),
    dtype: 'int32',
  })),
  ...named('BatchMatMul _FusedMatMul RevColMatMul RevColBatchMatMul', multiplied),
  ...named('Conv2D FusedConv2D', convolved(false)),
  ...named('DepthwiseConv2dNative FusedDepthwiseConv2D', convolved(true)),
  ...named('Conv2DBackpropInput DepthwiseConv2dNativeBackpropInput', given('inputShape')),
  ...named('Conv2DBackpropFilter DepthwiseConv2dNativeBackpropFilter', given('filterShape')),
  ...named('MaxPool AvgPool', pooled),
  ...named('MaxPoolGrad AvgPoolGrad', shapedLike('input')),
  ...named('ResizeNearestNeighbor ResizeBilinear', resized),
  ...named('ResizeNearestNeighborGrad ResizeBilinearGrad', shapedLike('images')),
  ...named('FusedBatchNorm Transform', shapedLike('x')),
  ...named('IsNan IsFinite IsInf LogicalNot', (inputs) => ({ ...unary(inputs), dtype: 'bool' })),
  Cast: (inputs, { dtype }) => ({ shape: first(inputs).shape, dtype: dtype as tf.DataType }),
  Reshape: (inputs, { shape }) => {
    const { shape: from, dtype } = first(inputs);
    const size = tf.util.sizeFromShape(from);
    return { shape: tf.util.inferFromImplicitShape(shape as number[], size), dtype };
  },
  ExpandDims: (inputs, { dim }) => {
    const { shape, dtype } = first(inputs);
    const at = (dim as number) < 0 ? shape.length + 1 + (dim as number) : (dim as number);
    return { shape: [...shape.slice(0, at), 1, ...shape.slice(at)], dtype };
  },
  Transpose: (inputs, { perm }) => {
    const { shape, dtype } = first(inputs);
    return { shape: (perm as number[]).map((d) => shape[d] as number), dtype };
  },
  Slice: sliced,
  Concat: joined,
  SplitV: split,
  Pack: (inputs, { axis }) => {
    const list = Object.values(inputs);
    const { shape, dtype } = list[0] as Shaped;
    const [at] = axesOf(axis, shape.length + 1) as [number];
    return { shape: [...shape.slice(0, at), list.length, ...shape.slice(at)], dtype };
  },
  Unpack: (inputs, { axis }) => {
    const { shape, dtype } = first(inputs);
    const [at] = axesOf(axis, shape.length) as [number];
    const one = { shape: shape.filter((_, d) => d !== at), dtype };
    return Array.from({ length: shape[at] as number }, () => one);
  },
  PadV2: (inputs, { paddings }) => {
    const { shape, dtype } = first(inputs);
    const pads = paddings as [number, number][];
    return {
      shape: shape.map((size, d) => size + (pads[d]?.[0] ?? 0) + (pads[d]?.[1] ?? 0)),
      dtype,
    };
  },
  Tile: (inputs, { reps }) => {
    const { shape, dtype } = first(inputs);
    return { shape: shape.map((size, d) => size * ((reps as number[])[d] as number)), dtype };
  },
  Fill: (_, { shape, dtype }) => ({
    shape: [...(shape as number[])],
    dtype: (dtype ?? 'float32') as tf.DataType,
  }),
  Range: (_, { start, stop, step, dtype }) => ({
    shape: [Math.max(0, Math.ceil(((stop as number) - (start as number)) / (step as number)))],
    dtype: dtype as tf.DataType,
  }),
  OneHot: (inputs, { depth, dtype }) => ({
    shape: [...first(inputs).shape, depth as number],
    dtype: (dtype ?? 'int32') as tf.DataType,
  }),
  GatherV2: gathered,
  UnsortedSegmentSum: (inputs, { numSegments }) => {
    const { shape } = of(inputs, 'x');
    return float([numSegments as number, ...shape.slice(of(inputs, 'segmentIds').shape.length)]);
  },
  Select: (inputs) => ({
    shape: tf.backend_util.assertAndGetBroadcastShape(of(inputs, 't').shape, of(inputs, 'e').shape),
    dtype: of(inputs, 't').dtype,
  }),
  [contract.COLUMN_SUM.name]: (inputs) => float([first(inputs).shape[1] as number]),
  [contract.PRODUCT_SUM.name]: (inputs) => float([first(inputs).shape.at(-1) as number]),
  [contract.AFFINE_NORM_GRAD.name]: shapedLike('xhat'),
  [contract.SCALED_SUM.name]: shapedLike('x'),
  [contract.UNDO_LEVEL.name]: shapedLike('c'),
  [contract.DOUBLED_SUM.name]: shapedLike('other'),
  [contract.DOUBLED_GRAD.name]: (inputs) => {
    const [batch, height, width, channels] = of(inputs, 'dy').shape as [
      number,
      number,
      number,
      number,
    ];
    return float([batch, height / 2, width / 2, channels]);
  },
  [contract.PATCHES.name]: (inputs, { size }) => {
    const [batch, height, width, channels] = of(inputs, 'x').shape as [
      number,
      number,
      number,
      number,
    ];
    const side = size as number;
    const patches = batch * Math.floor(height / side) * Math.floor(width / side);
    return float([patches, side * side * channels]);
  },
  [contract.FROM_PATCHES.name]: (inputs, { size, batch, height, width }) => {
    const channels = (of(inputs, 'rows').shape[1] as number) / (size as number) ** 2;
    return float([batch, height, width, channels] as number[]);
  },
  [contract.LAYER_NORM.name]: (inputs) => {
    const { shape } = first(inputs);
    return [float(shape), float([...shape.slice(0, -1), 1])];
  },
  [contract.LAYER_NORM_GRAD.name]: shapedLike('xhat'),
  [contract.GELU.name]: shapedLike('x'),
  [contract.GELU_GRAD.name]: shapedLike('x'),
  [contract.ATTENTION.name]: (inputs) => {
    const { shape } = of(inputs, 'query');
    return float([...shape.slice(0, -1), of(inputs, 'value').shape.at(-1) as number]);
  },
  [contract.ATTENTION_GRAD.name]: (inputs) =>
    ['query', 'key', 'value'].map((name) => float(of(inputs, name).shape)),
  [contract.ADAMW.name]: (inputs) => {
    const like = float(of(inputs, 'weight').shape);
    return [like, like, like];
  },
  [contract.DESCENT.name]: shapedLike('weight'),
  [contract.ADAMW_8BIT.name]: shapedLike('weight'),
  [contract.RESIDUAL_MLP.name]: shapedLike('u'),
  [contract.RESIDUAL_MLP_KEPT.name]: (inputs) => {
    const { shape } = of(inputs, 'u');
    const rows = tf.util.sizeFromShape(shape.slice(0, -1));
    return [float(shape), float([rows, of(inputs, 'expandKernel').shape[1] as number])];
  },
  [contract.RESIDUAL_MLP_GRAD.name]: (inputs) =>
    contract.RESIDUAL_MLP_GRAD.inputs
      .filter((name) => name !== 'dy')
      .map((name) => float(of(inputs, name).shape)),
  [contract.DEPTHWISE.name]: shapedLike('x'),
  [contract.DEPTHWISE_INPUT_GRAD.name]: shapedLike('dy'),
  [contract.DEPTHWISE_KERNEL_GRAD.name]: (inputs) => [
    float(of(inputs, 'kernel').shape),
    float(of(inputs, 'x').shape.slice(-1)),
  ],
};
