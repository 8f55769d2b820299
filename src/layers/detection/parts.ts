/** Which convolutions the parts of a detector have: for building them, and for describing one too large to build. */
import { biasedConvSpecs, doublingSpecs, flatSpecs, type WeightSpec } from '../base/weight_specs';

/** Weights of one convolution or product, and the deviation that they begin with. */
export interface PartSpecs {
  readonly specs: readonly WeightSpec[];
  readonly stddev: number;
}

/** Glorot and Bengio 2010: by the numbers of inputs and outputs. */
const glorot = (from: number, to: number) => Math.sqrt(2 / (from + to));

/** He et al. 2015 (arXiv 1502.01852), by the number of outputs. */
const he = (to: number) => Math.sqrt(2 / to);

/** A convolution that begins with Glorot's deviation. */
function glorotConv(path: string, k: number, from: number, to: number): PartSpecs {
  return {
    specs: biasedConvSpecs(path, k, from, to),
    stddev: glorot(k * k * from, k * k * to),
  };
}

/** Those of an `FPN`, in the order of mmdetection's checkpoints. */
export function pyramidParts(channels: readonly number[], filters: number): PartSpecs[] {
  return [
    ...channels.map((from, i) => glorotConv(`lateral_${i}`, 1, from, filters)),
    ...channels.map((_, i) => glorotConv(`output_${i}`, 3, filters, filters)),
  ];
}

/** Those of an `RPNHead` with so many anchors at each place. */
export function proposalParts(channels: number, anchors: number): PartSpecs[] {
  const small = (specs: WeightSpec[]) => ({ specs, stddev: 0.01 });
  return [
    small(biasedConvSpecs('conv', 3, channels, channels)),
    small(biasedConvSpecs('objectness', 1, channels, anchors)),
    small(biasedConvSpecs('deltas', 1, channels, 4 * anchors)),
  ];
}

/** Those of a `BoxHead` behind its modules, on such features of a region. */
export function boxParts(
  features: readonly [height: number, width: number, channels: number],
  hidden: number,
  classes: number,
): PartSpecs[] {
  const values = features[0] * features[1] * features[2];
  return [
    { specs: biasedConvSpecs('classes', 1, hidden, classes + 1), stddev: 0.01 },
    { specs: biasedConvSpecs('deltas', 1, hidden, 4 * classes), stddev: 0.001 },
    { specs: flatSpecs('hidden', features, hidden), stddev: glorot(values, hidden) },
  ];
}

/** Those of a `MaskHead`. */
export function maskParts(channels: number, convs: number, classes: number): PartSpecs[] {
  return [
    ...Array.from({ length: convs }, (_, i) => ({
      specs: biasedConvSpecs(`conv_${i}`, 3, channels, channels),
      stddev: he(9 * channels),
    })),
    { specs: doublingSpecs('upsample', channels, channels), stddev: he(4 * channels) },
    { specs: biasedConvSpecs('logits', 1, channels, classes), stddev: he(classes) },
  ];
}
