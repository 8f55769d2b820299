/**
 * What an image classifier is made of and what it costs, without allocating any of it: for models too
 * large to build. The weights are those that the layers themselves are built with.
 */
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
import { blockAttention, resolveBlockOptions } from '../layers/transformer/options';
import { encoderBlockSpecs, patchEmbeddingSpecs } from '../layers/transformer/specs';
import { operands } from '../ops/reversible/column';
import { type ConvNextArchitecture, VIT_BLOCK, type VitArchitecture } from './architectures';

/** What stands before and behind the columns. */
interface Ends {
  /** Channels of the input image. */
  readonly inputChannels: number;
  readonly numClasses: number;
}

/** A RevCol with one head, as `createModel` builds it. */
export interface ConvNextClassifier extends ConvNextArchitecture, Ends {}

/** A RevCol-ViT, as `createVitModel` builds it. */
export interface VitClassifier extends VitArchitecture, Ends {
  /** `[height, width]` of the images: every patch has a position. */
  readonly inputSize: readonly [number, number];
}

export type ImageClassifier = ConvNextClassifier | VitClassifier;

/** Weights that stand together, and where they are applied. */
interface Part {
  /** What stands before their names. */
  path: string;
  specs: readonly WeightSpec[];
  /** They are applied at every place of this level; null: once. */
  level: number | null;
  /** Multiply-adds per pair of places, of an attention's two products. */
  perPair?: number;
}

/** Names, shapes and initial values of all weights of a classifier. */
export function describeWeights(model: ImageClassifier): WeightSpec[] {
  return partsOf(model).flatMap(({ path, specs }) =>
    specs.map((spec) => ({ ...spec, name: `${path}/${spec.name}` })),
  );
}

/** Number of values in all weights of a classifier. */
export function countParameters(model: ImageClassifier): number {
  return partsOf(model).reduce((sum, { specs }) => sum + valuesIn(specs), 0);
}

/**
 * Multiply-adds of one forward pass of one image: of linear layers, convolutions and attention's two
 * products. Twice as many floating point operations; papers call the multiply-adds FLOPs.
 *
 * @param inputSize `[height, width]` of the image
 */
export function countMultiplyAdds(
  model: ImageClassifier,
  inputSize: readonly [number, number],
): number {
  return partsOf(model).reduce((sum, { specs, level, perPair = 0 }) => {
    const places = level == null ? 1 : placesOf(model, inputSize, level);
    const kernels = specs.filter(({ name }) => name.endsWith('/kernel'));
    return sum + places * valuesIn(kernels) + places ** 2 * perPair;
  }, 0);
}

function valuesIn(specs: readonly WeightSpec[]): number {
  return specs.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

function isVit(model: ImageClassifier): model is VitClassifier {
  return 'numHeads' in model;
}

/** Pixels or tokens of a level. */
function placesOf(
  model: ImageClassifier,
  inputSize: readonly [number, number],
  level: number,
): number {
  const shrinking = model.patchSize * (isVit(model) ? 1 : 2 ** level);
  return sizeOf(inputSize.map((side) => Math.floor(side / shrinking)));
}

function partsOf(model: ImageClassifier): Part[] {
  const { channels, columns } = model;
  const top = channels[channels.length - 1] as number;
  const columnParts = (isFirst: boolean) =>
    channels.flatMap((_, level) => levelParts(model, isFirst, level));
  const [first, later] = [columnParts(true), columnParts(false)];
  return [
    { path: 'backbone/stem', specs: stemOf(model), level: 0 },
    ...Array.from({ length: columns }, (_, i) =>
      (i === 0 ? first : later).map((part) => ({
        ...part,
        path: `backbone/column_${i}${part.path}`,
      })),
    ).flat(),
    { path: 'head', specs: headSpecs(top, model.numClasses), level: null },
  ];
}

function stemOf(model: ImageClassifier): WeightSpec[] {
  const { patchSize: p, inputChannels } = model;
  const first = model.channels[0] as number;
  return isVit(model)
    ? patchEmbeddingSpecs(p, inputChannels, first, placesOf(model, model.inputSize, 0))
    : stemSpecs([p, p, inputChannels, first], first);
}

function levelParts(model: ImageClassifier, isFirst: boolean, level: number): Part[] {
  const { channels, depths } = model;
  const c = channels[level] as number;
  const block = blockOf(model, c);
  return [
    { path: '', specs: [alphaSpec(level, c)], level },
    ...fusionParts(model, isFirst, level),
    ...Array.from({ length: depths[level] as number }, (_, b) => ({
      path: `/level_${level}/block_${b}`,
      level,
      ...block,
    })),
  ];
}

function blockOf(model: ImageClassifier, channels: number): Pick<Part, 'specs' | 'perPair'> {
  if (!isVit(model)) {
    return { specs: blockSpecs(channels, model.kernelSize, EXPANSION, LAYER_SCALE_INIT) };
  }
  const { numHeads } = model;
  const options = resolveBlockOptions('RevCol-ViT', { numHeads, ...VIT_BLOCK }, false);
  const attention = blockAttention('RevCol-ViT', options, channels);
  const perPair = numHeads * (attention.keyDim + attention.valueDim);
  return { specs: encoderBlockSpecs(attention), perPair };
}

/** One part per path: each is applied at the level that it comes from or goes down to. */
function fusionParts(model: ImageClassifier, isFirst: boolean, level: number): Part[] {
  const { channels } = model;
  const path = `/level_${level}/fusion`;
  const c = channels[level] as number;
  const topFusion = !isVit(model) && model.topFusion;
  return operands(level, channels.length, isFirst, topFusion).flatMap((operand, i): Part[] => {
    if (operand.from === 'stem') return [];
    const from = channels[operand.level] as number;
    if (operand.from === 'lower') {
      const kernel = isVit(model) ? [from, c] : [2, 2, from, c];
      return [{ path, specs: pathSpecs('down', kernel, c), level }];
    }
    const name = i === 1 ? 'up' : 'top';
    return [{ path, specs: pathSpecs(name, [from, c], c), level: operand.level }];
  });
}
