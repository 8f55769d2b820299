/** The published RevCol sizes: what to build, and how many numbers it holds. */

/** Name of a published size, as the official code spells it. */
export type ModelSizeName =
  'revcol_tiny' | 'revcol_small' | 'revcol_base' | 'revcol_large' | 'revcol_xlarge' | 'revcol_huge';

/** One published architecture. Sizes and counts are those of the official code. */
export interface ModelSize {
  readonly name: ModelSizeName;
  /** Channels of levels 0 to 3. */
  readonly channels: readonly [number, number, number, number];
  /** Blocks of levels 0 to 3 in every column. */
  readonly depths: readonly [number, number, number, number];
  /** Number of columns. */
  readonly columns: number;
  /** Side of the depthwise kernels. */
  readonly kernelSize: number;
  /** Side and stride of the stem convolution, in pixels. */
  readonly patchSize: number;
  /** Whether level 0 also sees the top level of the previous column (Huge only). */
  readonly topFusion: boolean;
  /**
   * Stochastic depth rate of the last block. Tiny, Small, Base: the official ImageNet-1k training
   * recipe; Large, XLarge: the ImageNet-22k pretraining recipe; Huge: the only recipe published,
   * fine-tuning at 640.
   */
  readonly dropPathRate: number;
  /** Trainable parameters with 1000 classes and one classifier. */
  readonly parameters: number;
}

const COMMON = { kernelSize: 3, patchSize: 4, topFusion: false } as const;

/**
 * Every published size, smallest first.
 *
 * Source: `models/revcol.py`, `models/revcol_huge.py` and `configs/*.yaml` of
 * https://github.com/megvii-research/RevCol.
 */
export const MODEL_SIZES: Readonly<Record<ModelSizeName, ModelSize>> = {
  revcol_tiny: {
    ...COMMON,
    name: 'revcol_tiny',
    channels: [64, 128, 256, 512],
    depths: [2, 2, 4, 2],
    columns: 4,
    dropPathRate: 0.1,
    parameters: 30_456_168,
  },
  revcol_small: {
    ...COMMON,
    name: 'revcol_small',
    channels: [64, 128, 256, 512],
    depths: [2, 2, 4, 2],
    columns: 8,
    dropPathRate: 0.3,
    parameters: 60_568_424,
  },
  revcol_base: {
    ...COMMON,
    name: 'revcol_base',
    channels: [72, 144, 288, 576],
    depths: [1, 1, 3, 2],
    columns: 16,
    dropPathRate: 0.4,
    parameters: 138_616_408,
  },
  revcol_large: {
    ...COMMON,
    name: 'revcol_large',
    channels: [128, 256, 512, 1024],
    depths: [1, 2, 6, 2],
    columns: 8,
    dropPathRate: 0.3,
    parameters: 273_095_400,
  },
  revcol_xlarge: {
    ...COMMON,
    name: 'revcol_xlarge',
    channels: [224, 448, 896, 1792],
    depths: [1, 2, 6, 2],
    columns: 8,
    dropPathRate: 0.4,
    parameters: 833_807_400,
  },
  revcol_huge: {
    ...COMMON,
    name: 'revcol_huge',
    channels: [360, 720, 1440, 2880],
    depths: [1, 2, 6, 2],
    columns: 8,
    topFusion: true,
    dropPathRate: 0.4,
    parameters: 2_157_600_160,
  },
};

/** Whether `name` is a published size (`revcol_tiny`), not a weight set (`revcol_tiny.in1k`). */
export function isModelSizeName(name: string): name is ModelSizeName {
  return Object.hasOwn(MODEL_SIZES, name);
}
