import { alphaSpec, headSpecs, pathSpecs, type WeightSpec } from '../layers/base/weight_specs';
import {
  type AttentionLayout,
  attentionSpecs,
  mlpSpecs,
  normSpecs,
} from '../layers/transformer/specs';
import { operands } from '../ops/reversible/column';

/** What decides the weights and the work of a RevCol-ViT. */
export interface VitLayout {
  width: number;
  numHeads: number;
  columns: number;
  depths: readonly number[];
  patchSize: number;
  /** `[height, width, channels]` of the images. */
  inputShape: readonly [number, number, number];
  numClasses: number;
}

/** Hidden width of a block over its width. */
const EXPANSION = 4;

/** Number of patches of an image. */
function patches({ inputShape: [height, width], patchSize }: VitLayout): number {
  return Math.floor(height / patchSize) * Math.floor(width / patchSize);
}

/** Linear paths of all fusions: down at every level but the lowest, up where something is above. */
function fusionPaths({ columns, depths }: VitLayout): number {
  return (2 * columns - 1) * (depths.length - 1);
}

/**
 * Multiply-adds of one forward pass of one image, of the products of matrices: projections,
 * attention's two products, feed-forward networks, fusions, patches and classifier. Twice as many
 * floating point operations; papers call the multiply-adds FLOPs, and so do their tables.
 */
export function vitMultiplyAdds(layout: VitLayout): number {
  const { width: c, columns, depths, patchSize, inputShape, numClasses } = layout;
  const n = patches(layout);
  const projections = 4 * n * c * c;
  const attention = 2 * n * n * c;
  const feedForward = 2 * EXPANSION * n * c * c;
  const blocks = columns * depths.reduce((a, b) => a + b, 0);
  const stem = n * patchSize * patchSize * inputShape[2] * c;
  return (
    blocks * (projections + attention + feedForward) +
    fusionPaths(layout) * n * c * c +
    stem +
    c * numClasses
  );
}

/** Names and shapes of all weights of a RevCol-ViT, without allocating any of them. */
export function describeVitWeights(layout: VitLayout): WeightSpec[] {
  const { width: c, columns, depths, patchSize: p, inputShape, numClasses } = layout;
  const below = (prefix: string, specs: readonly WeightSpec[]) =>
    specs.map((spec) => ({ ...spec, name: `${prefix}/${spec.name}` }));
  const stem: WeightSpec[] = [
    { name: 'projection/kernel', shape: [p, p, inputShape[2], c], init: 'truncatedNormal' },
    { name: 'projection/bias', shape: [c], init: 0 },
    { name: 'position_embeddings', shape: [patches(layout), c], init: 'truncatedNormal' },
  ];
  const level = (l: number, isFirst: boolean): WeightSpec[] => [
    alphaSpec(l, c),
    ...below(`level_${l}/fusion`, fusionWeights(c, l, depths.length, isFirst)),
    ...Array.from({ length: depths[l] as number }, (_, b) =>
      below(`level_${l}/block_${b}`, blockWeights(layout)),
    ).flat(),
  ];
  return [
    ...below('backbone/stem', stem),
    ...Array.from({ length: columns }, (_, i) =>
      below(
        `backbone/column_${i}`,
        depths.flatMap((_depth, l) => level(l, i === 0)),
      ),
    ).flat(),
    ...below('head', headSpecs(c, numClasses)),
  ];
}

function fusionWeights(c: number, level: number, levels: number, isFirst: boolean): WeightSpec[] {
  return operands(level, levels, isFirst, false).flatMap((o) => {
    if (o.from === 'stem') return [];
    return pathSpecs(o.from === 'lower' ? 'down' : 'up', [c, c], c);
  });
}

function blockWeights({ width, numHeads }: VitLayout): WeightSpec[] {
  const head = width / numHeads;
  const attention: AttentionLayout = {
    width,
    memoryWidth: width,
    valueWidth: width,
    numHeads,
    keyDim: head,
    valueDim: head,
    cosine: true,
  };
  return [
    ...normSpecs('attention_norm', width),
    ...attentionSpecs('attention/', attention),
    ...normSpecs('feedforward_norm', width),
    ...mlpSpecs('feedforward/', width, EXPANSION * width),
  ];
}
