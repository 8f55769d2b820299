/** UPerNets on a RevCol: a class for every pixel of an image. */
import * as tfl from '@tensorflow/tfjs-layers';

import { requireImageShape, requireInteger, requireRate, shown } from '../common/arguments';
import type { OptionNames } from '../common/options';
import type { FetchPretrainedOptions } from '../download/fetch_pretrained';
import { RevColBackbone } from '../layers/columns/rev_col_backbone';
import { FCNHead } from '../layers/dense/fcn_head';
import { UPerHead } from '../layers/dense/uper_head';
import { REVCOL_ARCHITECTURES } from '../registry/architectures';
import { AUXILIARY_LEVEL, POOL_SCALES } from '../registry/describe_segmenter';
import {
  SEGMENTATION_WEIGHTS,
  type SegmentationName,
  type SegmentationWeights,
} from '../registry/segmentation';
import { NETWORK_OPTIONS, networkArgs, type NetworkOptions } from './network_options';
import { createLoaded } from './pretrained';

/** Options of `createModel` for a segmenter; those left out are the published one's own. */
export interface CreateSegmenterOptions extends NetworkOptions {
  /** `[height, width, channels]` of the images, null for a side that is left open. Default [null, null, 3]. */
  inputShape?: [number | null, number | null, number];
  /** Number of classes. Default: that of the published weights. */
  numClasses?: number;
  /** Channels within the decode head. Default 512, with Huge 1440. */
  headChannels?: number;
  /** Sides of the grids that the decode head pools the top level to. Default [1, 2, 3, 6]. */
  poolScales?: readonly number[];
  /**
   * Whether to add the auxiliary head, an `FCNHead` on level 2, which training has and inference does
   * not need. Default false.
   */
  auxiliaryHead?: boolean;
  /** Channels within the auxiliary head. Default 256. */
  auxiliaryChannels?: number;
  /** Dropout of whole channels in the heads, in training, in [0, 1). Default 0.1. */
  dropout?: number;
  /** `true`: with published weights, see `CreatePretrainedSegmenterOptions`. Default: random weights. */
  pretrained?: false;
}

/** Options of `createModel` for a segmenter with published weights: those of the model and of the download. */
export interface CreatePretrainedSegmenterOptions
  extends Omit<CreateSegmenterOptions, 'pretrained'>, FetchPretrainedOptions {
  pretrained: true;
  /** What to do where the images are not RGB, see `CreatePretrainedOptions`. */
  inputChannels?: 'load' | 'adapt';
}

/** The names of the options. */
export const SEGMENTER_OPTIONS: OptionNames<CreateSegmenterOptions> = {
  ...NETWORK_OPTIONS,
  inputShape: true,
  numClasses: true,
  headChannels: true,
  poolScales: true,
  auxiliaryHead: true,
  auxiliaryChannels: true,
  dropout: true,
  pretrained: true,
};

/** `createModel` for a segmenter. */
export function createSegmenter(
  owner: string,
  name: SegmentationName,
  options: CreateSegmenterOptions | CreatePretrainedSegmenterOptions,
): tfl.LayersModel | Promise<tfl.LayersModel> {
  const record = SEGMENTATION_WEIGHTS[name];
  if (!options.pretrained) return buildSegmenter(owner, record, options);
  const build = () => buildSegmenter(owner, record, { ...options, pretrained: false });
  const heads = {
    numClasses: options.numClasses ?? record.numClasses,
    supervised: options.auxiliaryHead ?? false,
    imageChannels: options.inputShape?.[2] ?? record.inputSize[2],
  };
  return createLoaded(build, record, heads, options);
}

/** The published network of a record with random weights, or another as options say. */
function buildSegmenter(
  owner: string,
  record: SegmentationWeights,
  options: CreateSegmenterOptions,
): tfl.LayersModel {
  const size = REVCOL_ARCHITECTURES[record.size];
  const network = networkArgs(options, { ...size, kernelSize: record.kernelSize });
  const { channels } = network;
  const { inputShape = [null, null, 3], auxiliaryHead: hasAuxiliary = false } = options;
  const heads = {
    units: options.numClasses ?? record.numClasses,
    dropout: options.dropout ?? 0.1,
    filters: options.headChannels ?? record.headChannels,
    auxiliary: options.auxiliaryChannels ?? record.auxiliaryChannels,
  };
  requireImageShape(owner, 'inputShape', inputShape);
  requireInteger(owner, 'numClasses', heads.units, 1);
  requireInteger(owner, 'headChannels', heads.filters, 1);
  requireInteger(owner, 'auxiliaryChannels', heads.auxiliary, 1);
  requireRate(owner, 'dropout', heads.dropout);
  if (hasAuxiliary && channels.length <= AUXILIARY_LEVEL) {
    throw new Error(
      `${owner}: channels is ${shown(channels)}; the auxiliary head is on level ${AUXILIARY_LEVEL}, so ` +
        `give at least ${AUXILIARY_LEVEL + 1}, or leave auxiliaryHead out`,
    );
  }
  const backbone = new RevColBackbone({
    name: 'backbone',
    ...network,
    output: 'pyramid',
  });
  const { units, dropout, filters } = heads;
  const decode = new UPerHead({
    name: 'decode_head',
    units,
    dropout,
    filters,
    poolScales: options.poolScales ?? POOL_SCALES,
  });
  const image = tfl.input({ shape: inputShape, name: 'image' });
  const levels = backbone.apply(image) as tfl.SymbolicTensor[];
  const outputs = [decode.apply(levels) as tfl.SymbolicTensor];
  if (hasAuxiliary) {
    const auxiliary = new FCNHead({
      name: 'auxiliary_head',
      units,
      dropout,
      filters: heads.auxiliary,
    });
    outputs.push(
      auxiliary.apply(levels[AUXILIARY_LEVEL] as tfl.SymbolicTensor) as tfl.SymbolicTensor,
    );
  }
  return tfl.model({ name: record.name, inputs: image, outputs });
}
