/** How the published image classifiers were trained, by the names of their configurations. */
import type { ModelSizeName } from '../architectures';

/** Name of a published training of an image classifier. */
export type ClassificationRecipeName =
  | 'tiny_1k'
  | 'small_1k'
  | 'base_1k'
  | 'base_22k'
  | 'xlarge_22k'
  | 'base_384_ft'
  | 'large_384_ft'
  | 'xlarge_384_ft'
  | 'huge_640_ft';

/**
 * Training of an image classifier: the figures of a published configuration. Rates are for a total
 * batch of `baseBatchSize` images and grow with it (`scaleRate`); epochs become steps by the number of
 * batches of an epoch.
 */
export interface ClassificationRecipe {
  readonly task: 'classification';
  /** Name of the configuration. */
  readonly name: ClassificationRecipeName;
  /** Size of the model, for `createModel`. */
  readonly size: ModelSizeName;
  /** Height and width of the training images, in pixels. */
  readonly imageSize: number;
  /** Number of classes: 1000 of ImageNet-1k or 21841 of ImageNet-22k. */
  readonly numClasses: number;
  /** Whether it starts from weights that were trained on ImageNet-22k or more. */
  readonly fineTunes: boolean;
  readonly epochs: number;
  /** Images of an update that the three rates below are for. */
  readonly baseBatchSize: number;
  /** Highest learning rate. */
  readonly rate: number;
  /** Epochs of the linear warm-up. */
  readonly warmupEpochs: number;
  /** Learning rate of the first step of the warm-up. */
  readonly warmupRate: number;
  /** Learning rate at the end of the cosine. */
  readonly minRate: number;
  /** AdamW's, of kernels and alphas (`layerDecayGroups` with task `'classification'`). */
  readonly weightDecay: number;
  /** Factor of the learning rate from one layer to the one below it; 1: none. */
  readonly layerDecay: number;
  /** Stochastic depth of a column's last block. */
  readonly dropPathRate: number;
  /** Norm to which the gradients together are shortened; null: they are not. */
  readonly clipNorm: number | null;
  /** Decay of the average of weights (`Ema`); null: there is none. */
  readonly emaDecay: number | null;
  /** Alpha of mixup's beta distribution; 0: no mixup. */
  readonly mixup: number;
  /** Alpha of cutmix's beta distribution; 0: no cutmix. */
  readonly cutmix: number;
  /** Share of the batches that are mixed at all. */
  readonly mixupProbability: number;
  /** Share of those that are mixed by cutmix, where there are both. */
  readonly mixupSwitchProbability: number;
  /** Share of the target probability that is spread over all classes. */
  readonly labelSmoothing: number;
  /**
   * Strength of the colour jitter; 0: none. The published code's image library leaves it out where
   * there is RandAugment.
   */
  readonly colorJitter: number;
  /** RandAugment, in the form of timm's `auto_augment`. */
  readonly randAugment: string;
  /** Probability that a rectangle of an image is erased. */
  readonly randomErasing: number;
  /** What it is erased with: every pixel normal noise of its own. */
  readonly erasingMode: 'pixel';
  /** Rectangles of an image that are erased. */
  readonly erasingCount: number;
  /** Resampling of RandomResizedCrop. */
  readonly interpolation: 'bicubic';
  /** Factor of the classifier's initial weights (`scaleHeads`). */
  readonly headInitScale: number;
  /** Whether classifiers and image decoders of middle columns are trained with it (`compoundLoss`). */
  readonly intermediateSupervision: boolean;
  /** Weight of the image decoders in the compound loss. */
  readonly imageWeight: number;
  /** Weight of the middle classifiers in the compound loss. */
  readonly classWeight: number;
}

/** What all published trainings have in common. */
const COMMON = {
  task: 'classification',
  baseBatchSize: 1024,
  mixupProbability: 1,
  mixupSwitchProbability: 0.5,
  labelSmoothing: 0.1,
  randAugment: 'rand-m9-mstd0.5-inc1',
  randomErasing: 0.25,
  erasingMode: 'pixel',
  erasingCount: 1,
  interpolation: 'bicubic',
  imageWeight: 3,
  classWeight: 0.7,
} as const;

const IN_1K = {
  ...COMMON,
  imageSize: 224,
  numClasses: 1000,
  fineTunes: false,
  epochs: 300,
  rate: 1e-3,
  warmupEpochs: 20,
  warmupRate: 1e-5,
  minRate: 1e-6,
  weightDecay: 0.05,
  layerDecay: 1,
  clipNorm: null,
  emaDecay: 0.9999,
  mixup: 0.8,
  cutmix: 1,
  colorJitter: 0.4,
  headInitScale: 1,
  intermediateSupervision: true,
} as const;

const IN_22K = {
  ...IN_1K,
  numClasses: 21841,
  epochs: 90,
  rate: 1.25e-4,
  warmupEpochs: 5,
  minRate: 1e-7,
  weightDecay: 0.1,
  clipNorm: 10,
  emaDecay: null,
} as const;

const FINE_TUNED = {
  ...COMMON,
  imageSize: 384,
  numClasses: 1000,
  fineTunes: true,
  epochs: 30,
  warmupEpochs: 0,
  warmupRate: 0,
  minRate: 2e-7,
  weightDecay: 1e-8,
  layerDecay: 0.8,
  clipNorm: 10,
  emaDecay: null,
  mixup: 0,
  cutmix: 0,
  colorJitter: 0,
  headInitScale: 0.001,
  intermediateSupervision: false,
} as const;

/** By name, in the order of the published table. */
export const CLASSIFICATION: Readonly<
  Record<ClassificationRecipeName, Omit<ClassificationRecipe, 'name'>>
> = {
  tiny_1k: { ...IN_1K, size: 'revcol_tiny', dropPathRate: 0.1 },
  small_1k: { ...IN_1K, size: 'revcol_small', dropPathRate: 0.3 },
  base_1k: {
    ...IN_1K,
    size: 'revcol_base',
    dropPathRate: 0.4,
    minRate: 1e-8,
    clipNorm: 5,
    colorJitter: 0,
  },
  base_22k: { ...IN_22K, size: 'revcol_base', dropPathRate: 0.3 },
  xlarge_22k: { ...IN_22K, size: 'revcol_xlarge', dropPathRate: 0.4 },
  base_384_ft: {
    ...FINE_TUNED,
    size: 'revcol_base',
    rate: 1e-4,
    dropPathRate: 0.2,
    layerDecay: 0.9,
  },
  large_384_ft: {
    ...FINE_TUNED,
    size: 'revcol_large',
    rate: 5e-5,
    dropPathRate: 0.3,
  },
  xlarge_384_ft: {
    ...FINE_TUNED,
    size: 'revcol_xlarge',
    rate: 2e-5,
    dropPathRate: 0.4,
    emaDecay: 0.9999,
  },
  huge_640_ft: {
    ...FINE_TUNED,
    size: 'revcol_huge',
    imageSize: 640,
    epochs: 20,
    rate: 4e-5,
    minRate: 2e-8,
    dropPathRate: 0.4,
    clipNorm: 100,
    emaDecay: 0.9999,
  },
};
