/** What a segmenter is made of and what it costs, without allocating any of it. */
import { logitsSpecs } from '../layers/base/weight_specs';
import { fcnModules, type HeadModule, uperModules } from '../layers/dense/modules';
import { REVCOL_ARCHITECTURES } from './architectures';
import { type ConvNextClassifier, countMultiplyAdds, describeWeights } from './describe';
import { type DescribedWeight, moduleWeights, trainedValues, under } from './described';
import type { SegmentationWeights } from './segmentation';

/** Sides of the grids that a published UPerHead pools to. */
export const POOL_SCALES: readonly number[] = [1, 2, 3, 6];

/** Level that a published auxiliary head is on. */
export const AUXILIARY_LEVEL = 2;

/** A UPerNet on a RevCol, as `createModel` builds it. */
export interface Segmenter extends ConvNextClassifier {
  readonly headChannels: number;
  readonly poolScales: readonly number[];
  /** Channels of the auxiliary head; null where there is none. */
  readonly auxiliaryChannels: number | null;
}

/** The segmenter of a record, with the auxiliary head or without. */
export function segmenterOf(record: SegmentationWeights, auxiliary = false): Segmenter {
  return {
    ...REVCOL_ARCHITECTURES[record.size],
    kernelSize: record.kernelSize,
    inputChannels: 3,
    numClasses: record.numClasses,
    headChannels: record.headChannels,
    poolScales: POOL_SCALES,
    auxiliaryChannels: auxiliary ? record.auxiliaryChannels : null,
  };
}

/** A head: its name in the model, its modules, its channels. */
interface Head {
  path: string;
  modules: readonly HeadModule[];
  filters: number;
}

function headsOf({ channels, headChannels, poolScales, auxiliaryChannels }: Segmenter): Head[] {
  const from = channels[AUXILIARY_LEVEL] as number;
  return [
    {
      path: 'decode_head',
      modules: uperModules(channels, headChannels, poolScales),
      filters: headChannels,
    },
    ...(auxiliaryChannels == null
      ? []
      : [
          {
            path: 'auxiliary_head',
            modules: fcnModules(AUXILIARY_LEVEL, from, auxiliaryChannels, 1),
            filters: auxiliaryChannels,
          },
        ]),
  ];
}

/** Names, shapes and initial values of all weights of a segmenter; which of them are trained. */
export function describeSegmenter(model: Segmenter): DescribedWeight[] {
  const backbone = describeWeights(model).filter(({ name }) => name.startsWith('backbone/'));
  const heads = headsOf(model).flatMap(({ path, modules, filters }) => [
    ...modules.flatMap((module) =>
      moduleWeights(`${path}/${module.path}`, module.kernelSize, module.from, filters),
    ),
    ...under(path, logitsSpecs(filters, model.numClasses)),
  ]);
  return [...backbone.map((spec) => ({ ...spec, trained: true })), ...heads];
}

/** Number of values in all trained weights of a segmenter. */
export function countSegmenterParameters(model: Segmenter): number {
  return trainedValues(describeSegmenter(model));
}

/**
 * Multiply-adds of one forward pass of one image: of linear layers and convolutions.
 *
 * @param inputSize `[height, width]` of the image, or that with channels
 */
export function countSegmenterMultiplyAdds(
  model: Segmenter,
  [height, width]: readonly [number, number, ...number[]],
): number {
  // The classifier that the backbone is described with sees one place.
  const classifier = (model.channels.at(-1) as number) * model.numClasses;
  const backbone = countMultiplyAdds(model, [height, width]) - classifier;
  const placesOf = (level: number) =>
    [height, width]
      .map((side) => Math.floor(side / (model.patchSize * 2 ** level)))
      .reduce((a, b) => a * b, 1);
  const heads = headsOf(model).map(({ modules, filters, path }) => {
    const convolutions = modules.map(({ kernelSize, from, place }) => {
      const places = 'grid' in place ? place.grid ** 2 : placesOf(place.level);
      return places * kernelSize ** 2 * from * filters;
    });
    const level = path === 'decode_head' ? 0 : AUXILIARY_LEVEL;
    const logits = placesOf(level) * filters * model.numClasses;
    return [...convolutions, logits].reduce((a, b) => a + b, 0);
  });
  return heads.reduce((a, b) => a + b, backbone);
}
