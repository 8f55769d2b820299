/** How the published segmentation and detection models were trained. */
import type { ModelSizeName } from '../architectures';

/** Name of a published training of UPerNet. */
export type SegmentationRecipeName =
  | 'upernet_revcol_tiny_fp16_512x512_160k_ade20k'
  | 'upernet_revcol_small_fp16_512x512_160k_ade20k'
  | 'upernet_revcol_base_512x512_160k_ade20k'
  | 'upernet_revcol_base_640x640_160k_ade20k'
  | 'upernet_revcol_large_fp16_640x640_160k_ade20k'
  | 'upernet_revcol_huge_fp16_640x640_160k_ade20k';

/** Name of a published training of a Cascade Mask R-CNN. */
export type DetectionRecipeName =
  | 'cmr_tiny_3x_in1k'
  | 'cmr_small_3x_in1k'
  | 'cmr_base_3x_in1k'
  | 'cmr_base_3x_in22k'
  | 'cmr_large_3x_in22k';

/** What trainings of segmentation and detection have in common. */
interface DenseRecipe {
  /** Size of the backbone. */
  readonly size: ModelSizeName;
  /** What the backbone was trained on before. */
  readonly pretrainedOn: string;
  /** AdamW's learning rate. */
  readonly rate: number;
  /** AdamW's, of kernels alone: alphas, biases and norms have none. */
  readonly weightDecay: number;
  /** Factor of the learning rate from one layer to the one below it; 1: none. */
  readonly layerDecay: number;
  /** Stochastic depth of a column's last block. */
  readonly dropPathRate: number;
}

/**
 * Training of UPerNet on ADE20K: the figures of a published configuration. The learning rate is that of
 * `polySchedule`.
 */
export interface SegmentationRecipe extends DenseRecipe {
  readonly task: 'segmentation';
  /** Name of the configuration, which its weight file has, too. */
  readonly name: SegmentationRecipeName;
  /** Number of classes, 150. */
  readonly numClasses: number;
  /** Images of an update, over all devices. */
  readonly batchSize: number;
  /** Number of updates. */
  readonly steps: number;
  /** Updates of the linear warm-up. */
  readonly warmupSteps: number;
  /** Share of its rate that the first update of the warm-up has. */
  readonly warmupRatio: number;
  /** Power of the share of steps that are left. */
  readonly power: number;
  /** Learning rate at the end. */
  readonly minRate: number;
  /** Height and width of the crops that it is trained on, in pixels. */
  readonly cropSize: number;
  /** Pixels from one window to the next in evaluation. */
  readonly slideStride: number;
  /** Channels of the decoder. */
  readonly decoderChannels: number;
  /** Dropout of both heads' last features. */
  readonly dropout: number;
  /** Weight of the auxiliary head's loss. */
  readonly auxiliaryWeight: number;
}

/** Training of a Cascade Mask R-CNN on COCO: the figures of a published configuration. */
export interface DetectionRecipe extends DenseRecipe {
  readonly task: 'detection';
  /** Name of the configuration. */
  readonly name: DetectionRecipeName;
  readonly epochs: number;
  /** Epochs after which the rate is divided by 10. */
  readonly rateDrops: readonly number[];
  /** Shorter sides of the resized training images, least and greatest, in pixels. */
  readonly shortSides: readonly [number, number];
  /** Longest side of a resized image, in pixels. */
  readonly longSide: number;
  /** Sides are padded to multiples of this, in pixels. */
  readonly sizeDivisor: number;
}

const UPERNET = {
  task: 'segmentation',
  pretrainedOn: 'ImageNet-22k',
  numClasses: 150,
  batchSize: 16,
  steps: 160_000,
  warmupSteps: 1500,
  warmupRatio: 1e-6,
  power: 1,
  minRate: 0,
  rate: 4e-5,
  weightDecay: 0.01,
  layerDecay: 0.9,
  dropPathRate: 0.3,
  cropSize: 640,
  slideStride: 426,
  decoderChannels: 512,
  dropout: 0.1,
  auxiliaryWeight: 0.4,
} as const;

const UPERNET_1K = {
  ...UPERNET,
  pretrainedOn: 'ImageNet-1k',
  layerDecay: 1,
  cropSize: 512,
  slideStride: 341,
} as const;

/** By name, in the order of the published table. */
export const SEGMENTATION: Readonly<
  Record<SegmentationRecipeName, Omit<SegmentationRecipe, 'name'>>
> = {
  upernet_revcol_tiny_fp16_512x512_160k_ade20k: {
    ...UPERNET_1K,
    size: 'revcol_tiny',
    rate: 6e-5,
  },
  upernet_revcol_small_fp16_512x512_160k_ade20k: {
    ...UPERNET_1K,
    size: 'revcol_small',
  },
  upernet_revcol_base_512x512_160k_ade20k: {
    ...UPERNET_1K,
    size: 'revcol_base',
    slideStride: 426,
  },
  upernet_revcol_base_640x640_160k_ade20k: {
    ...UPERNET,
    size: 'revcol_base',
  },
  upernet_revcol_large_fp16_640x640_160k_ade20k: {
    ...UPERNET,
    size: 'revcol_large',
    warmupSteps: 3000,
  },
  upernet_revcol_huge_fp16_640x640_160k_ade20k: {
    ...UPERNET,
    size: 'revcol_huge',
    pretrainedOn: 'Megdata-168M',
    batchSize: 8,
    warmupSteps: 3000,
    decoderChannels: 1440,
  },
};

const CASCADE = {
  task: 'detection',
  pretrainedOn: 'ImageNet-1k',
  rate: 2e-4,
  weightDecay: 0.05,
  layerDecay: 0.85,
  dropPathRate: 0.4,
  epochs: 36,
  rateDrops: [27, 33],
  shortSides: [480, 800],
  longSide: 1333,
  sizeDivisor: 32,
} as const;

/** By name, in the order of the published table. */
export const DETECTION: Readonly<Record<DetectionRecipeName, Omit<DetectionRecipe, 'name'>>> = {
  cmr_tiny_3x_in1k: {
    ...CASCADE,
    size: 'revcol_tiny',
    dropPathRate: 0.3,
  },
  cmr_small_3x_in1k: { ...CASCADE, size: 'revcol_small' },
  cmr_base_3x_in1k: {
    ...CASCADE,
    size: 'revcol_base',
    layerDecay: 0.9,
  },
  cmr_base_3x_in22k: {
    ...CASCADE,
    size: 'revcol_base',
    pretrainedOn: 'ImageNet-22k',
    rate: 1e-4,
    layerDecay: 0.9,
  },
  cmr_large_3x_in22k: {
    ...CASCADE,
    size: 'revcol_large',
    pretrainedOn: 'ImageNet-22k',
    rate: 1e-4,
    dropPathRate: 0.5,
  },
};
