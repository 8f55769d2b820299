/** Cascade Mask R-CNNs on a RevCol: boxes, classes and masks of the objects in an image. */
import * as tfl from '@tensorflow/tfjs-layers';

import { requireImageShape, requireInteger } from '../common/arguments';
import type { OptionNames } from '../common/options';
import type { FetchPretrainedOptions } from '../download/fetch_pretrained';
import { RevColBackbone } from '../layers/columns/rev_col_backbone';
import { CascadeHead, type CascadeHeadArgs } from '../layers/detection/cascade_head';
import { FPN } from '../layers/detection/fpn';
import { RPNHead, type RPNHeadArgs } from '../layers/detection/rpn_head';
import { REVCOL_ARCHITECTURES } from '../registry/architectures';
import { REGION_BINS } from '../registry/describe_detector';
import {
  DETECTION_WEIGHTS,
  type DetectionName,
  type DetectionWeights,
} from '../registry/detection';
import { NETWORK_OPTIONS, networkArgs, type NetworkOptions } from './network_options';
import { createLoaded } from './pretrained';

/** Options of `createModel` for a detector; those left out are the published one's own. */
export interface CreateDetectorOptions
  extends
    NetworkOptions,
    Pick<RPNHeadArgs, 'anchorScales' | 'anchorRatios'>,
    Pick<CascadeHeadArgs, 'deltaScales' | 'finestScale'> {
  /** `[height, width, channels]` of the images, null for a side that is left open. Default [null, null, 3]. */
  inputShape?: [number | null, number | null, number];
  /** Number of classes, without the background. Default: that of the published weights. */
  numClasses?: number;
  /** Channels of the feature pyramid and of the heads on it. Default 256. */
  pyramidChannels?: number;
  /** Channels of the hidden layer of each box head. Default 1024. */
  hiddenChannels?: number;
  /** `true`: with published weights, see `CreatePretrainedDetectorOptions`. Default: random weights. */
  pretrained?: false;
}

/** Options of `createModel` for a detector with published weights: those of the model and of the download. */
export interface CreatePretrainedDetectorOptions
  extends Omit<CreateDetectorOptions, 'pretrained'>, FetchPretrainedOptions {
  pretrained: true;
  /** What to do where the images are not RGB, see `CreatePretrainedOptions`. */
  inputChannels?: 'load' | 'adapt';
}

/** The names of the options. */
export const DETECTOR_OPTIONS: OptionNames<CreateDetectorOptions> = {
  ...NETWORK_OPTIONS,
  inputShape: true,
  numClasses: true,
  pyramidChannels: true,
  hiddenChannels: true,
  anchorScales: true,
  anchorRatios: true,
  deltaScales: true,
  finestScale: true,
  pretrained: true,
};

/** `createModel` for a detector. */
export function createDetector(
  owner: string,
  name: DetectionName,
  options: CreateDetectorOptions | CreatePretrainedDetectorOptions,
): tfl.LayersModel | Promise<tfl.LayersModel> {
  const record = DETECTION_WEIGHTS[name];
  if (!options.pretrained) return buildDetector(owner, record, options);
  const build = () => buildDetector(owner, record, { ...options, pretrained: false });
  const heads = {
    numClasses: options.numClasses ?? record.numClasses,
    supervised: false,
    imageChannels: options.inputShape?.[2] ?? record.inputSize[2],
  };
  return createLoaded(build, record, heads, options);
}

/** The published network of a record with random weights, or another as options say. */
function buildDetector(
  owner: string,
  record: DetectionWeights,
  options: CreateDetectorOptions,
): tfl.LayersModel {
  const size = REVCOL_ARCHITECTURES[record.size];
  const network = networkArgs(options, { ...size, kernelSize: record.kernelSize });
  const { inputShape = [null, null, 3] } = options;
  const units = options.numClasses ?? record.numClasses;
  const filters = options.pyramidChannels ?? record.pyramidChannels;
  const hidden = options.hiddenChannels ?? record.hiddenChannels;
  requireImageShape(owner, 'inputShape', inputShape);
  requireInteger(owner, 'numClasses', units, 1);
  requireInteger(owner, 'pyramidChannels', filters, 1);
  requireInteger(owner, 'hiddenChannels', hidden, 1);
  const strides = network.channels.map((_, level) => network.patchSize * 2 ** level);
  const above = 2 * (strides.at(-1) as number);
  const { anchorScales, anchorRatios, deltaScales, finestScale } = options;
  const backbone = new RevColBackbone({ name: 'backbone', ...network, output: 'pyramid' });
  const neck = new FPN({ name: 'neck', filters, outputs: strides.length + 1 });
  const proposals = new RPNHead({
    name: 'rpn_head',
    anchorScales,
    anchorRatios,
    strides: [...strides, above],
  });
  const heads = new CascadeHead({
    name: 'roi_head',
    units,
    hidden,
    deltaScales,
    finestScale,
    strides,
  });
  const image = tfl.input({ shape: inputShape, name: 'image' });
  const features = (bins: number, name: string) =>
    tfl.input({ shape: [bins, bins, filters], name });
  const boxes = features(REGION_BINS.boxes, 'box_features');
  const masks = features(REGION_BINS.masks, 'mask_features');
  const maps = neck.apply(backbone.apply(image) as tfl.SymbolicTensor[]) as tfl.SymbolicTensor[];
  const outputs = [proposals.apply(maps), heads.apply([boxes, masks])] as tfl.SymbolicTensor[][];
  return tfl.model({ name: record.name, inputs: [image, boxes, masks], outputs: outputs.flat() });
}
