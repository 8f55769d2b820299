/** The published detection weights: Cascade Mask R-CNNs on RevCol backbones, where each file is and how to use it. */
import type { ModelSizeName } from './architectures';
import { IMAGENET_MEAN, IMAGENET_STD } from './imagenet_statistics';
import type { WeightSource } from './pretrained';
import { PUBLICATION } from './publication';

/** Published sets of detection weights: `cascade_mask_rcnn_SIZE.DATA`. */
export type DetectionName = keyof typeof SETS;

/** One published set of detection weights. A property that no source states is undefined. */
export interface DetectionWeights {
  readonly name: DetectionName;
  /** The backbone's size. */
  readonly size: ModelSizeName;
  readonly head: 'cascade_mask_rcnn';
  readonly fileName: string;
  readonly sources: readonly WeightSource[];
  /** `[height, width, channels]` that an image of 3 : 5 is resized to. */
  readonly inputSize: readonly [number, number, 3];
  /** Length of the shorter side that images are resized to. */
  readonly shortSide: number;
  /** Most that the longer side then has. */
  readonly longSide: number;
  /** Per-channel mean of the training images, RGB, for pixels in 0..1. */
  readonly mean: readonly [number, number, number];
  /** Per-channel standard deviation, RGB, for pixels in 0..1. */
  readonly std: readonly [number, number, number];
  readonly dataset: 'COCO';
  readonly numClasses: number;
  /** What the backbone was trained on before. */
  readonly pretrainedOn: 'ImageNet-1k' | 'ImageNet-22k';
  /** Side of the backbone's depthwise kernels. */
  readonly kernelSize: number;
  /** Channels of the feature pyramid and of the heads on it. */
  readonly pyramidChannels: number;
  /** Channels of the hidden layer of each box head. */
  readonly hiddenChannels: number;
  /** Average precision of boxes on COCO's validation set in percent, as published. */
  readonly boxAP: number;
  /** The same of masks. */
  readonly maskAP: number;
  /** Stochastic depth rate that it was trained with. */
  readonly dropPathRate: number;
  /** Key of the file's top-level dict that holds the weights. */
  readonly checkpointKey: 'state_dict';
  readonly license: 'Apache-2.0';
  readonly paper: string;
  readonly origin: string;
}

const HUGGING_FACE =
  'https://huggingface.co/LarryTsai/RevCol/resolve/main/revcol_models/detection/';

type Facts = Pick<
  DetectionWeights,
  'fileName' | 'pretrainedOn' | 'boxAP' | 'maskAP' | 'dropPathRate'
>;

/** The facts of every set by name, smallest first. A new set is one more entry. */
const SETS = {
  'cascade_mask_rcnn_revcol_tiny.coco': {
    fileName: 'cmr_tiny_3x_in1k_AP508.pth',
    pretrainedOn: 'ImageNet-1k',
    boxAP: 50.8,
    maskAP: 44.0,
    dropPathRate: 0.3,
  },
  'cascade_mask_rcnn_revcol_small.coco': {
    fileName: 'cmr_revcol_small_3x_in1k.pth',
    pretrainedOn: 'ImageNet-1k',
    boxAP: 52.6,
    maskAP: 45.5,
    dropPathRate: 0.4,
  },
  'cascade_mask_rcnn_revcol_base.coco': {
    fileName: 'cmr_base_3x_in1k.pth',
    pretrainedOn: 'ImageNet-1k',
    boxAP: 53.0,
    maskAP: 45.9,
    dropPathRate: 0.4,
  },
  'cascade_mask_rcnn_revcol_base.coco_in22k': {
    fileName: 'cmr_base_3x_in22k_AP55.pth',
    pretrainedOn: 'ImageNet-22k',
    boxAP: 55.0,
    maskAP: 47.5,
    dropPathRate: 0.4,
  },
  'cascade_mask_rcnn_revcol_large.coco_in22k': {
    fileName: 'cmr_large_3x_in22k_AP559.pth',
    pretrainedOn: 'ImageNet-22k',
    boxAP: 55.9,
    maskAP: 48.4,
    dropPathRate: 0.5,
  },
} as const satisfies Record<`cascade_mask_rcnn_${ModelSizeName}.${string}`, Facts>;

function recordOf(name: DetectionName, facts: Facts): DetectionWeights {
  return {
    name,
    size: name.slice('cascade_mask_rcnn_'.length, name.indexOf('.')) as ModelSizeName,
    head: 'cascade_mask_rcnn',
    sources: [{ url: HUGGING_FACE + facts.fileName }],
    inputSize: [800, 1280, 3],
    shortSide: 800,
    longSide: 1333,
    mean: IMAGENET_MEAN,
    std: IMAGENET_STD,
    dataset: 'COCO',
    numClasses: 80,
    kernelSize: 3,
    pyramidChannels: 256,
    hiddenChannels: 1024,
    checkpointKey: 'state_dict',
    ...PUBLICATION,
    ...facts,
  };
}

/**
 * Every published set of detection weights by name. None of XLarge or Huge was published.
 *
 * Sources: the README and the detection configurations of https://github.com/megvii-research/RevCol (places,
 * figures, settings).
 */
export const DETECTION_WEIGHTS: Readonly<Record<DetectionName, DetectionWeights>> =
  /* @__PURE__ */ Object.fromEntries(
    (Object.keys(SETS) as DetectionName[]).map((name) => [name, recordOf(name, SETS[name])]),
  ) as Record<DetectionName, DetectionWeights>;

/** Whether `name` is that of a set of detection weights. */
export function isDetectionName(name: string): name is DetectionName {
  return Object.hasOwn(DETECTION_WEIGHTS, name);
}
