/**
 * Every architecture that has a name. A new size is one more entry of a table here: its name, its
 * weights and its costs follow from it.
 */

/** What all image models of reversible columns are made of, whatever their blocks. */
export interface BaseArchitecture {
  /** Number of columns. */
  readonly columns: number;
  /** Channels of the levels, bottom first. */
  readonly channels: readonly number[];
  /** Blocks of the levels in every column. */
  readonly depths: readonly number[];
  /** Side and stride of the stem's patches, in pixels. */
  readonly patchSize: number;
}

/** RevCol: each level has half the height and width of the one below (paper section 2). */
export interface ConvNextArchitecture extends BaseArchitecture {
  /** Side of the depthwise kernels. */
  readonly kernelSize: number;
  /** Whether level 0 also sees the top level of the previous column (Huge only). */
  readonly topFusion: boolean;
}

/** RevCol-ViT: levels of one size, with transformer blocks (paper section 4.3). */
export interface VitArchitecture extends BaseArchitecture {
  /** Heads of every attention. */
  readonly numHeads: number;
}

/** Channels or depths of levels 0 to 3; of femto 0 to 2. */
export type Levels = readonly [number, number, number, number] | readonly [number, number, number];

/** What a named architecture adds. */
interface Named {
  readonly channels: Levels;
  readonly depths: Levels;
  /** Side of the square images that the size is made for, in pixels. */
  readonly imageSize: number;
  /** Channels of these images. */
  readonly inputChannels: number;
  /** Classes of its classifier, where nothing else is said. */
  readonly numClasses: number;
}

const IMAGENET = { imageSize: 224, inputChannels: 3, numClasses: 1000 } as const;
const REVCOL = { ...IMAGENET, kernelSize: 3, patchSize: 4, topFusion: false } as const;

/**
 * Every size of RevCol, smallest first: the published ones, and this package's own femto, three levels of
 * 14 x 14, 7 x 7 and 3 x 3 places for grey images of 28 pixels.
 *
 * `dropPathRate` is the stochastic depth rate of the last block. Tiny, Small, Base: the official
 * ImageNet-1k training recipe; Large, XLarge: the ImageNet-22k pretraining recipe; Huge: the only
 * recipe published, fine-tuning at 640.
 *
 * Source: `models/revcol.py`, `models/revcol_huge.py` and `configs/*.yaml` of
 * https://github.com/megvii-research/RevCol.
 */
export const REVCOL_ARCHITECTURES = {
  revcol_femto: {
    ...REVCOL,
    imageSize: 28,
    inputChannels: 1,
    numClasses: 10,
    patchSize: 2,
    kernelSize: 5,
    channels: [16, 32, 64],
    depths: [1, 1, 1],
    columns: 2,
    dropPathRate: 0,
  },
  revcol_tiny: {
    ...REVCOL,
    channels: [64, 128, 256, 512],
    depths: [2, 2, 4, 2],
    columns: 4,
    dropPathRate: 0.1,
  },
  revcol_small: {
    ...REVCOL,
    channels: [64, 128, 256, 512],
    depths: [2, 2, 4, 2],
    columns: 8,
    dropPathRate: 0.3,
  },
  revcol_base: {
    ...REVCOL,
    channels: [72, 144, 288, 576],
    depths: [1, 1, 3, 2],
    columns: 16,
    dropPathRate: 0.4,
  },
  revcol_large: {
    ...REVCOL,
    channels: [128, 256, 512, 1024],
    depths: [1, 2, 6, 2],
    columns: 8,
    dropPathRate: 0.3,
  },
  revcol_xlarge: {
    ...REVCOL,
    channels: [224, 448, 896, 1792],
    depths: [1, 2, 6, 2],
    columns: 8,
    dropPathRate: 0.4,
  },
  revcol_huge: {
    ...REVCOL,
    channels: [360, 720, 1440, 2880],
    depths: [1, 2, 6, 2],
    columns: 8,
    topFusion: true,
    dropPathRate: 0.4,
  },
} as const satisfies Record<
  string,
  ConvNextArchitecture & Named & { readonly dropPathRate: number }
>;

const VIT = { ...IMAGENET, columns: 4, patchSize: 16 } as const;

/** Every size of RevCol-ViT, smallest first (paper, table of isotropic models). */
export const VIT_ARCHITECTURES = {
  revcol_vit_small: {
    ...VIT,
    channels: [224, 224, 224, 224],
    numHeads: 4,
    depths: [2, 2, 2, 2],
  },
  revcol_vit_base: {
    ...VIT,
    channels: [384, 384, 384, 384],
    numHeads: 6,
    depths: [3, 3, 3, 3],
  },
} as const satisfies Record<string, VitArchitecture & Named>;

/** What the blocks of a RevCol-ViT are, beside their heads: scaled cosine attention, post-norm. */
export const VIT_BLOCK = { norm: 'post', attention: 'cosine' } as const;

/** Name of a RevCol size; of a published one as the official code spells it. */
export type ModelSizeName = keyof typeof REVCOL_ARCHITECTURES;

/** Name of a RevCol-ViT size. */
export type VitSizeName = keyof typeof VIT_ARCHITECTURES;

/** Names of all sizes: RevCol, then RevCol-ViT, each smallest first. */
export const SIZE_NAMES: readonly (ModelSizeName | VitSizeName)[] = [
  ...(Object.keys(REVCOL_ARCHITECTURES) as ModelSizeName[]),
  ...(Object.keys(VIT_ARCHITECTURES) as VitSizeName[]),
];

/** Whether `name` is a RevCol size (`revcol_tiny`), neither a weight set nor a RevCol-ViT. */
export function isModelSizeName(name: string): name is ModelSizeName {
  return Object.hasOwn(REVCOL_ARCHITECTURES, name);
}

/** Whether `name` is a RevCol-ViT size. */
export function isVitSizeName(name: string): name is VitSizeName {
  return Object.hasOwn(VIT_ARCHITECTURES, name);
}
