/** The published segmentation weights: UPerNets on RevCol backbones, where each file is and how to use it. */
import type { ModelSizeName } from './architectures';
import { IMAGENET_MEAN, IMAGENET_STD } from './imagenet_statistics';
import type { WeightSource } from './pretrained';
import { PUBLICATION } from './publication';

/** Published sets of segmentation weights: `upernet_SIZE.DATA_SIDE`. */
export type SegmentationName = keyof typeof SETS;

/** One published set of segmentation weights. A property that no source states is undefined. */
export interface SegmentationWeights {
  readonly name: SegmentationName;
  /** The backbone's size. */
  readonly size: ModelSizeName;
  readonly head: 'upernet';
  readonly fileName: string;
  readonly sources: readonly WeightSource[];
  /** `[height, width, channels]` of the crops that it was trained on and of the sliding window. */
  readonly inputSize: readonly [number, number, 3];
  /** Step of the sliding window, in pixels. */
  readonly slideStride: number;
  /** Length of the shorter side that images are resized to before; the longer one is at most 4 times it. */
  readonly shortSide: number;
  /** Per-channel mean of the training images, RGB, for pixels in 0..1. */
  readonly mean: readonly [number, number, number];
  /** Per-channel standard deviation, RGB, for pixels in 0..1. */
  readonly std: readonly [number, number, number];
  readonly dataset: 'ADE20K';
  readonly numClasses: number;
  /** What the backbone was trained on before. */
  readonly pretrainedOn: 'ImageNet-1k' | 'ImageNet-22k' | 'Megdata-168M';
  /** Side of the backbone's depthwise kernels. */
  readonly kernelSize: number;
  /** Channels within the decode head. */
  readonly headChannels: number;
  /** Channels within the auxiliary head, which training has. */
  readonly auxiliaryChannels: number;
  /** Mean intersection over union on the validation set in percent, as published: one scale. */
  readonly mIoU: number;
  /** The same with several scales and flipped images. */
  readonly mIoUMultiScale: number;
  /** Stochastic depth rate that it was trained with. */
  readonly dropPathRate: number;
  /** Key of the file's top-level dict that holds the weights. */
  readonly checkpointKey: 'state_dict';
  readonly license: 'Apache-2.0';
  readonly paper: string;
  readonly origin: string;
}

const HUGGING_FACE =
  'https://huggingface.co/LarryTsai/RevCol/resolve/main/revcol_models/segmentation/';

type Facts = Pick<
  SegmentationWeights,
  'fileName' | 'pretrainedOn' | 'slideStride' | 'mIoU' | 'mIoUMultiScale'
> &
  Partial<SegmentationWeights> & {
    /** Side of the crops. */
    side: number;
  };

const CROP_512 = { side: 512, slideStride: 341, pretrainedOn: 'ImageNet-1k' } as const;
const CROP_640 = { side: 640, slideStride: 426, pretrainedOn: 'ImageNet-22k' } as const;

/** The facts of every set by name, smallest first. A new set is one more entry. */
const SETS = {
  'upernet_revcol_tiny.ade20k_512': {
    ...CROP_512,
    fileName: 'upernet_revcol_tiny_fp16_512x512_160k_ade20k.pth',
    mIoU: 47.4,
    mIoUMultiScale: 47.6,
  },
  'upernet_revcol_small.ade20k_512': {
    ...CROP_512,
    fileName: 'upernet_revcol_small_fp16_512x512_160k_ade20k.pth',
    mIoU: 47.9,
    mIoUMultiScale: 49.0,
  },
  'upernet_revcol_base.ade20k_512': {
    ...CROP_512,
    // As the published configuration has it, unlike those of the other two.
    slideStride: 426,
    fileName: 'upernet_revcol_base_512x512_160k_ade20k.pth',
    mIoU: 49.0,
    mIoUMultiScale: 50.1,
  },
  'upernet_revcol_base.ade20k_640': {
    ...CROP_640,
    fileName: 'upernet_revcol_base_640x640_160k_ade20k.pth',
    mIoU: 52.7,
    mIoUMultiScale: 53.3,
  },
  'upernet_revcol_large.ade20k_640': {
    ...CROP_640,
    fileName: 'upernet_revcol_large_fp16_640x640_160k_ade20k.pth',
    mIoU: 53.4,
    mIoUMultiScale: 53.7,
  },
  'upernet_revcol_huge.ade20k_640': {
    ...CROP_640,
    fileName: 'upernet_revcol_huge_fp16_640x640_160k_ade20k.pth',
    pretrainedOn: 'Megdata-168M',
    // Trained on kernels of side 3, padded with zeros.
    kernelSize: 7,
    headChannels: 1440,
    mIoU: 57.8,
    mIoUMultiScale: 58.0,
  },
} as const satisfies Record<`upernet_${ModelSizeName}.${string}`, Facts>;

function recordOf(name: SegmentationName, { side, ...facts }: Facts): SegmentationWeights {
  return {
    name,
    size: name.slice('upernet_'.length, name.indexOf('.')) as ModelSizeName,
    head: 'upernet',
    sources: [{ url: HUGGING_FACE + facts.fileName }],
    inputSize: [side, side, 3],
    shortSide: side,
    mean: IMAGENET_MEAN,
    std: IMAGENET_STD,
    dataset: 'ADE20K',
    numClasses: 150,
    kernelSize: 3,
    headChannels: 512,
    auxiliaryChannels: 256,
    dropPathRate: 0.3,
    checkpointKey: 'state_dict',
    ...PUBLICATION,
    ...facts,
  };
}

/**
 * Every published set of segmentation weights by name. None of XLarge was published.
 *
 * Sources: the README and the segmentation configurations of https://github.com/megvii-research/RevCol
 * (places, figures, settings).
 */
export const SEGMENTATION_WEIGHTS: Readonly<Record<SegmentationName, SegmentationWeights>> =
  /* @__PURE__ */ Object.fromEntries(
    (Object.keys(SETS) as SegmentationName[]).map((name) => [name, recordOf(name, SETS[name])]),
  ) as Record<SegmentationName, SegmentationWeights>;

/** Whether `name` is that of a set of segmentation weights. */
export function isSegmentationName(name: string): name is SegmentationName {
  return Object.hasOwn(SEGMENTATION_WEIGHTS, name);
}
