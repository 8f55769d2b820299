/** RevCol-ViT classifiers: reversible columns of transformer blocks over patches. */
import * as tfl from '@tensorflow/tfjs-layers';

import { requireImageShape, requireInteger, show } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { requireLevels } from '../layers/columns/column_arguments';
import { RevColHead } from '../layers/columns/head';
import { RevColBackbone, type RevColBackboneArgs } from '../layers/columns/rev_col_backbone';
import { TransformerEncoderBlock } from '../layers/transformer/encoder_block';
import { PatchEmbedding } from '../layers/transformer/patch_embedding';
import { isVitSizeName, VIT_BLOCK, type VitSizeName } from '../registry/architectures';
import { VIT_SIZES, type VitSize } from '../registry/sizes';

/** Options of `createVitModel`; those left out are the named size's own. */
export interface CreateVitModelOptions extends Pick<
  RevColBackboneArgs,
  | 'columns'
  | 'depths'
  | 'patchSize'
  | 'dropPathRate'
  | 'backprop'
  | 'anchorEvery'
  | 'pixelMean'
  | 'pixelStd'
> {
  /** `[height, width, channels]` of the images. Default [224, 224, 3]. */
  inputShape?: [number, number, number];
  /** Number of classes. Default 1000. */
  numClasses?: number;
  /** Channels per level, all equal. Default: the size's width. */
  channels?: number[];
}

/** Their names. */
export const VIT_OPTIONS: OptionNames<CreateVitModelOptions> = {
  columns: true,
  depths: true,
  patchSize: true,
  pixelMean: true,
  pixelStd: true,
  dropPathRate: true,
  backprop: true,
  anchorEvery: true,
  inputShape: true,
  numClasses: true,
  channels: true,
};

function sizeOf(name: string): VitSize {
  if (isVitSizeName(name)) return VIT_SIZES[name];
  throw new Error(
    `createVitModel: '${name}' is not a RevCol-ViT size; expected ` +
      `${Object.keys(VIT_SIZES).join(' or ')}, and createModel builds all others`,
  );
}

/** The width of levels that must be equal. */
function widthOf(channels: readonly number[], numHeads: number): number {
  const [width] = channels as [number];
  if (channels.some((c) => c !== width) || width % numHeads !== 0) {
    throw new Error(
      `createVitModel: channels are ${show(channels)}; expected the same number at every ` +
        `level, a multiple of ${numHeads}, the number of heads`,
    );
  }
  return width;
}

/**
 * Builds a RevCol-ViT image classifier (paper section 4.3) as a `tf.LayersModel`: isotropic columns
 * over patches, with blocks of scaled cosine attention and residual post-norm. Images `[batch,
 * height, width, 3]` to logits `[batch, numClasses]`. Weights are random.
 *
 * @throws {Error} when the name is unknown, an option is out of range, or the levels' channels
 *   differ
 */
export function createVitModel(
  name: VitSizeName,
  options: CreateVitModelOptions = {},
): tfl.LayersModel {
  requireOptions('createVitModel', options, VIT_OPTIONS);
  const size = sizeOf(name);
  const { numHeads } = size;
  const depths = [...(options.depths ?? size.depths)];
  const channels = options.channels ?? depths.map(() => size.width);
  requireLevels('createVitModel', channels, depths);
  const width = widthOf(channels, numHeads);
  const units = options.numClasses ?? 1000;
  requireInteger('createVitModel', 'numClasses', units, 1);
  const patchSize = options.patchSize ?? size.patchSize;
  if (options.inputShape != null) {
    requireImageShape('createVitModel', 'inputShape', options.inputShape);
  }
  const image = tfl.input({
    shape: options.inputShape ?? [size.imageSize, size.imageSize, 3],
    name: 'image',
  });
  const backbone = new RevColBackbone({
    name: 'backbone',
    isotropic: true,
    columns: options.columns ?? size.columns,
    channels: [...channels],
    depths,
    dropPathRate: options.dropPathRate ?? 0,
    backprop: options.backprop,
    anchorEvery: options.anchorEvery,
    pixelMean: options.pixelMean,
    pixelStd: options.pixelStd,
    stem: new PatchEmbedding({ filters: width, patchSize }),
    block: new TransformerEncoderBlock({ numHeads, ...VIT_BLOCK }),
  });
  const logits = new RevColHead({ name: 'head', units }).apply(
    backbone.apply(image) as tfl.SymbolicTensor,
  );
  return tfl.model({ name, inputs: image, outputs: logits as tfl.SymbolicTensor });
}
