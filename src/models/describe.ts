import {
  alphaSpec,
  blockSpecs,
  EXPANSION,
  headSpecs,
  LAYER_SCALE_INIT,
  pathSpecs,
  stemSpecs,
  type WeightSpec,
} from '../layers/base/weight_specs';
import { operands } from '../ops/reversible/column';

/** What decides the weights of a RevCol image model. */
export interface ModelLayout {
  channels: readonly number[];
  depths: readonly number[];
  columns: number;
  kernelSize: number;
  patchSize: number;
  topFusion: boolean;
  numClasses: number;
  /** Channels of the input image. */
  inputChannels: number;
}

/**
 * Names and shapes of all weights of a RevCol image model with one head, as `createModel` builds
 * it, without allocating any of them. For sizes and counts of models too large to build.
 */
export function describeWeights(layout: ModelLayout): WeightSpec[] {
  const { channels, patchSize: p } = layout;
  const first = channels[0] as number;
  const top = channels[channels.length - 1] as number;
  return [
    ...below('backbone/stem', stemSpecs([p, p, layout.inputChannels, first], first)),
    ...Array.from({ length: layout.columns }, (_, i) =>
      below(`backbone/column_${i}`, columnWeights(layout, i === 0)),
    ).flat(),
    ...below('head', headSpecs(top, layout.numClasses)),
  ];
}

/** Number of values in a list of weights. */
export function countParameters(weights: readonly WeightSpec[]): number {
  return weights.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
}

function below(prefix: string, specs: readonly WeightSpec[]): WeightSpec[] {
  return specs.map((spec) => ({ ...spec, name: `${prefix}/${spec.name}` }));
}

function columnWeights(layout: ModelLayout, isFirst: boolean): WeightSpec[] {
  const { channels, depths, kernelSize, topFusion } = layout;
  return channels.flatMap((c, l) => [
    alphaSpec(l, c),
    ...below(`level_${l}/fusion`, fusionWeights(channels, l, isFirst, topFusion)),
    ...Array.from({ length: depths[l] as number }, (_, b) =>
      below(`level_${l}/block_${b}`, blockSpecs(c, kernelSize, EXPANSION, LAYER_SCALE_INIT)),
    ).flat(),
  ]);
}

function fusionWeights(
  channels: readonly number[],
  level: number,
  isFirst: boolean,
  topFusion: boolean,
): WeightSpec[] {
  const c = channels[level] as number;
  return operands(level, channels.length, isFirst, topFusion).flatMap((o, i) => {
    if (o.from === 'stem') return [];
    const from = channels[o.level] as number;
    if (o.from === 'lower') return pathSpecs('down', [2, 2, from, c], c);
    return pathSpecs(i === 1 ? 'up' : 'top', [from, c], c);
  });
}
