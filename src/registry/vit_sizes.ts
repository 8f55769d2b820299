/** The RevCol-ViT sizes: columns of transformer blocks over patches (paper section 4.3). */

/** Name of a RevCol-ViT size. */
export type VitSizeName = 'revcol_vit_small' | 'revcol_vit_base';

/** One RevCol-ViT architecture. No weights of these have been published. */
export interface VitSize {
  readonly name: VitSizeName;
  /** Channels of every level. */
  readonly width: number;
  /** Heads of every attention. */
  readonly numHeads: number;
  /** Number of columns. */
  readonly columns: number;
  /** Blocks of levels 0 to 3 in every column. */
  readonly depths: readonly [number, number, number, number];
  /** Side of the patches, in pixels. */
  readonly patchSize: number;
  /** Side of the square images that the size is made for, in pixels. */
  readonly imageSize: number;
  /** Parameters with 1000 classes, for images of that size. */
  readonly parameters: number;
}

const COMMON = { columns: 4, patchSize: 16, imageSize: 224 } as const;

/** Every RevCol-ViT size, smallest first. */
export const VIT_SIZES: Readonly<Record<VitSizeName, VitSize>> = {
  revcol_vit_small: {
    ...COMMON,
    name: 'revcol_vit_small',
    width: 224,
    numHeads: 4,
    depths: [2, 2, 2, 2],
    parameters: 20_873_896,
  },
  revcol_vit_base: {
    ...COMMON,
    name: 'revcol_vit_base',
    width: 384,
    numHeads: 6,
    depths: [3, 3, 3, 3],
    parameters: 89_057_800,
  },
};

/** Whether `name` is a RevCol-ViT size. */
export function isVitSizeName(name: string): name is VitSizeName {
  return Object.hasOwn(VIT_SIZES, name);
}
