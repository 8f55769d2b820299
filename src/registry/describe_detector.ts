/** What a detector is made of and what it costs, without allocating any of it. */
import {
  boxParts,
  maskParts,
  type PartSpecs,
  proposalParts,
  pyramidParts,
} from '../layers/detection/parts';
import { REVCOL_ARCHITECTURES } from './architectures';
import { type ConvNextClassifier, countMultiplyAdds, describeWeights } from './describe';
import { type DescribedWeight, moduleWeights, trainedValues, under } from './described';
import type { DetectionWeights } from './detection';

/** Bins along a side of the features of a region for boxes, and for masks, as published. */
export const REGION_BINS = { boxes: 7, masks: 14 } as const;

/** Heads of a published cascade. */
const CASCADE_HEADS = 3;

/** Convolutions of a published box or mask head. */
const HEAD_CONVS = 4;

/** Regions that published models look at in an image, and objects that they find at most. */
const [REGIONS, OBJECTS] = [1000, 100];

/** A Cascade Mask R-CNN on a RevCol, as `createModel` builds it. */
export interface Detector extends ConvNextClassifier {
  readonly pyramidChannels: number;
  readonly hiddenChannels: number;
  /** Anchors at each place. */
  readonly anchors: number;
  /** Heads of the cascade. */
  readonly heads: number;
}

/** The detector of a record. */
export function detectorOf(record: DetectionWeights): Detector {
  return {
    ...REVCOL_ARCHITECTURES[record.size],
    kernelSize: record.kernelSize,
    inputChannels: 3,
    numClasses: record.numClasses,
    pyramidChannels: record.pyramidChannels,
    hiddenChannels: record.hiddenChannels,
    anchors: 3,
    heads: CASCADE_HEADS,
  };
}

const specsOf = (parts: readonly PartSpecs[]) => parts.flatMap(({ specs }) => specs);

/** Weights of the box head and of the mask head of each place in the cascade. */
function headWeights({ pyramidChannels: c, hiddenChannels, numClasses }: Detector) {
  const { boxes: bins } = REGION_BINS;
  return {
    boxes: (place: string): DescribedWeight[] => [
      ...under(place, specsOf(boxParts([bins, bins, c], hiddenChannels, numClasses))),
      ...Array.from({ length: HEAD_CONVS }, (_, i) =>
        moduleWeights(`${place}/shared_${i}`, 3, c, c),
      ).flat(),
    ],
    masks: (place: string) => under(place, specsOf(maskParts(c, HEAD_CONVS, numClasses))),
  };
}

/** Names, shapes and initial values of all weights of a detector; which of them are trained. */
export function describeDetector(model: Detector): DescribedWeight[] {
  const { channels, pyramidChannels, anchors, heads } = model;
  const backbone = describeWeights(model).filter(({ name }) => name.startsWith('backbone/'));
  const { boxes, masks } = headWeights(model);
  const each = (weights: (place: string) => DescribedWeight[], kind: string) =>
    Array.from({ length: heads }, (_, k) => weights(`roi_head/${kind}_${k}`)).flat();
  return [
    ...backbone.map((spec) => ({ ...spec, trained: true })),
    ...under('neck', specsOf(pyramidParts(channels, pyramidChannels))),
    ...under('rpn_head', specsOf(proposalParts(pyramidChannels, anchors))),
    ...each(boxes, 'box'),
    ...each(masks, 'mask'),
  ];
}

/** Number of values in all trained weights of a detector. */
export function countDetectorParameters(model: Detector): number {
  return trainedValues(describeDetector(model));
}

/**
 * Multiply-adds of one forward pass of one image, of linear layers and convolutions: with 1000 regions, and the
 * masks of 100 objects.
 *
 * @param inputSize `[height, width]` of the image, or that with channels
 */
export function countDetectorMultiplyAdds(
  model: Detector,
  [height, width]: readonly [number, number, ...number[]],
): number {
  const { channels, pyramidChannels, anchors, heads, numClasses } = model;
  // The classifier that the backbone is described with sees one place.
  const classifier = (channels.at(-1) as number) * numClasses;
  const backbone = countMultiplyAdds(model, [height, width]) - classifier;
  const placesOf = (level: number) =>
    [height, width]
      .map((side) => Math.ceil(side / (model.patchSize * 2 ** level)))
      .reduce((a, b) => a * b, 1);
  const perPlace = (specs: readonly { name: string; shape: readonly number[] }[]) =>
    specs
      .filter(({ name }) => name.endsWith('/kernel') || name === 'kernel')
      .reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  const pyramid = channels.reduce((sum, c, level) => {
    const own = [...pyramidParts([c], pyramidChannels)];
    return sum + placesOf(level) * perPlace(specsOf(own));
  }, 0);
  const proposals = perPlace(specsOf(proposalParts(pyramidChannels, anchors)));
  const levels = Array.from({ length: channels.length + 1 }, (_, level) => placesOf(level));
  const search = levels.reduce((sum, places) => sum + places * proposals, 0);
  const { boxes, masks } = headWeights(model);
  const each = boxes('').map((spec) => {
    const places = spec.name.includes('/shared_') ? REGION_BINS.boxes ** 2 : 1;
    return places * perPlace([spec]);
  });
  const eachMask = masks('').map((spec) => {
    // Behind the transposed convolution there are four places for each.
    const places = REGION_BINS.masks ** 2 * (spec.name.includes('/logits') ? 4 : 1);
    return places * perPlace([spec]);
  });
  const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
  return backbone + pyramid + search + heads * (REGIONS * sum(each) + OBJECTS * sum(eachMask));
}
