/** Image classifiers by name, with random or published weights. */
import * as tfl from '@tensorflow/tfjs-layers';

import { requireImageShape, requireInteger } from '../common/arguments';
import { type OptionNames, pickOptions, requireOptions } from '../common/options';
import { FETCH_OPTIONS, type FetchPretrainedOptions } from '../download/fetch_pretrained';
import { RevColHead } from '../layers/columns/head';
import { RevColImageDecoder } from '../layers/columns/image_decoder';
import { RevColBackbone } from '../layers/columns/rev_col_backbone';
import { type DetectionName, isDetectionName } from '../registry/detection';
import { modelRecord } from '../registry/models';
import { type ModelName, weightsOf } from '../registry/names';
import type { PretrainedName } from '../registry/pretrained';
import { isSegmentationName, type SegmentationName } from '../registry/segmentation';
import type { ModelSize, VitSize } from '../registry/sizes';
import { isTextName, type TextName } from '../registry/text';
import {
  createDetector,
  type CreateDetectorOptions,
  type CreatePretrainedDetectorOptions,
  DETECTOR_OPTIONS,
} from './detector';
import {
  createNamedText,
  type CreateNamedTextOptions,
  type CreatePretrainedTextOptions,
  NAMED_TEXT_OPTIONS,
} from './named_text_model';
import { NETWORK_OPTIONS, networkArgs, type NetworkOptions } from './network_options';
import { createLoaded } from './pretrained';
import {
  type CreatePretrainedSegmenterOptions,
  createSegmenter,
  type CreateSegmenterOptions,
  SEGMENTER_OPTIONS,
} from './segmenter';
import { createVitModel, VIT_OPTIONS } from './vit';

/** Options of `createModel`; those left out are the named size's own. */
export interface CreateModelOptions extends NetworkOptions {
  /** `[height, width, channels]` of the images. Default: that of the weight set, else the size's own, [224, 224, 3] but for femto. */
  inputShape?: [number, number, number];
  /** Number of classes. Default: that of the weight set, else the size's own, 1000 but for femto. */
  numClasses?: number;
  /** Whether to add the classifiers and image decoders of the middle columns. Default false. */
  intermediateSupervision?: boolean;
  /** `true`: with published weights, see `CreatePretrainedOptions`. Default: random weights. */
  pretrained?: false;
}

/** Options of `createModel` with published weights: those of the model and of the download. */
export interface CreatePretrainedOptions
  extends Omit<CreateModelOptions, 'pretrained'>, FetchPretrainedOptions {
  pretrained: true;
  /**
   * What to do where `inputShape` has other channels than the weight set's RGB: `'load'` (default)
   * throws, `'adapt'` makes the stem's kernel fit as timm does, see `LoadOptions`.
   */
  inputChannels?: 'load' | 'adapt';
}

const OPTIONS: OptionNames<CreateModelOptions> = {
  ...NETWORK_OPTIONS,
  inputShape: true,
  numClasses: true,
  intermediateSupervision: true,
  pretrained: true,
};

type SegmenterOptions = CreateSegmenterOptions | CreatePretrainedSegmenterOptions;
type DetectorOptions = CreateDetectorOptions | CreatePretrainedDetectorOptions;
type TextOptions = CreateNamedTextOptions | CreatePretrainedTextOptions;

const OWNER = 'createModel';

/** Widest classifier that the published models pair with the progressive image decoder. */
const MAX_PROGRESSIVE_CLASSES = 1000;

/**
 * Builds a RevCol image classifier as a `tf.LayersModel`: images `[batch, height, width, 3]`,
 * to logits `[batch, numClasses]`. Weights are random. Images are to be normalised, as `preprocess`
 * does it, unless the model does: with `pixelMean` and `pixelStd` it takes pixels as they are, in the
 * units of these two, and they are saved with it.
 *
 * With `intermediateSupervision` (paper section 2.3) the outputs are four logits, after columns N/4,
 * N/2, 3N/4 and N, then three reconstructed images `[batch, height, width, 3]` (logits of 0..1
 * intensities), after the first three of these columns. Sides must then be multiples of
 * `patchSize * 2 ** (levels - 1)` for the images to have the input's size.
 *
 * A RevCol-ViT (`'revcol_vit_small'`, `'revcol_vit_base'`) has levels of equal width and neither
 * intermediate supervision nor a kernel size, see `createVitModel`.
 *
 * A segmenter (`'upernet_revcol_tiny.ade20k_512'`, ...) is a UPerNet on a RevCol: its output is the logits
 * of every patch of the stem, `[batch, height / 4, width / 4, numClasses]`, which `segment` and
 * `segmentationLoss` resize. Images may be of any size. With `auxiliaryHead` the logits of that head
 * follow, `[batch, height / 16, width / 16, numClasses]`. Its options are `CreateSegmenterOptions`.
 *
 * A detector (`'cascade_mask_rcnn_revcol_tiny.coco'`, ...) is a Cascade Mask R-CNN on a RevCol, for `detect`: what
 * of an image becomes boxes is decided between its parts, so that it has two more inputs, features of regions
 * for its box heads and mask heads, and its outputs are those of all parts. Its options are
 * `CreateDetectorOptions`.
 *
 * A text classifier (`'revcol_text_femto.languages'`) takes ids `[batch, time]`, int32, as `preprocessTexts`
 * makes them, to logits `[batch, numClasses]`. Its options are `CreateNamedTextOptions`.
 *
 * With `pretrained: true` the name is that of a published weight set, and a promise is returned: of
 * the model with these weights, downloaded on first use (`cacheDir`, `baseUrl`, `onProgress`,
 * `signal`, ... are those of `fetchPretrained`). With another number of classes than the set's the
 * classifier stays random, and a warning says so. For images that are not RGB give `inputShape` and
 * `inputChannels: 'adapt'`. How pictures are prepared for the weights, and names of their classes, are the model's
 * user-defined metadata, which are saved with it; `preprocessingOf` and all that looks at pictures goes by them.
 *
 * @example
 * const model = await createModel('revcol_base.in22k_ft_in1k_384', { pretrained: true });
 * @param name a size such as `'revcol_tiny'` or a published weight set, see `listModels()`
 * @throws {Error} when the name is unknown or an option is out of range. With `pretrained: true` the promise
 * is rejected instead, also with a DownloadError or CheckpointError; nothing stays in memory then
 */
export function createModel(
  name: SegmentationName,
  options: CreatePretrainedSegmenterOptions,
): Promise<tfl.LayersModel>;
export function createModel(
  name: SegmentationName,
  options?: CreateSegmenterOptions,
): tfl.LayersModel;
export function createModel(
  name: DetectionName,
  options: CreatePretrainedDetectorOptions,
): Promise<tfl.LayersModel>;
export function createModel(name: DetectionName, options?: CreateDetectorOptions): tfl.LayersModel;
export function createModel(
  name: TextName,
  options: CreatePretrainedTextOptions,
): Promise<tfl.LayersModel>;
export function createModel(name: TextName, options?: CreateNamedTextOptions): tfl.LayersModel;
export function createModel(
  name: PretrainedName,
  options: CreatePretrainedOptions,
): Promise<tfl.LayersModel>;
export function createModel(name: ModelName, options?: CreateModelOptions): tfl.LayersModel;
export function createModel(
  name: ModelName,
  options:
    | CreateModelOptions
    | CreatePretrainedOptions
    | SegmenterOptions
    | DetectorOptions
    | TextOptions = {},
): tfl.LayersModel | Promise<tfl.LayersModel> {
  const known = optionsOf(name);
  const ofImages = isTextName(name) ? {} : { inputChannels: true };
  const names = options?.pretrained ? { ...known, ...FETCH_OPTIONS, ...ofImages } : known;
  requireOptions(OWNER, options, names);
  if (isSegmentationName(name)) {
    return createSegmenter(OWNER, name, options as SegmenterOptions);
  }
  if (isDetectionName(name)) return createDetector(OWNER, name, options as DetectorOptions);
  if (isTextName(name)) return createNamedText(name, options as TextOptions);
  const own = options as CreateModelOptions | CreatePretrainedOptions;
  return own.pretrained ? createPretrained(name, own) : createRandom(name, own);
}

/** The names of the options for a model. */
function optionsOf(name: ModelName): object {
  if (isSegmentationName(name)) return SEGMENTER_OPTIONS;
  if (isTextName(name)) return NAMED_TEXT_OPTIONS;
  return isDetectionName(name) ? DETECTOR_OPTIONS : OPTIONS;
}

async function createPretrained(
  name: ModelName,
  options: CreatePretrainedOptions,
): Promise<tfl.LayersModel> {
  const record = weightsOf(OWNER, name);
  const build = () => createRandom(name, { ...options, pretrained: false });
  const heads = {
    numClasses: options.numClasses ?? record.numClasses ?? imageModel(name).size.numClasses,
    supervised: options.intermediateSupervision ?? false,
    imageChannels: options.inputShape?.[2] ?? record.inputSize[2],
  };
  return createLoaded(build, record, heads, options);
}

function createRandom(name: ModelName, options: CreateModelOptions): tfl.LayersModel {
  const { size, weights } = imageModel(name);
  const numClasses = options.numClasses ?? weights?.numClasses ?? size.numClasses;
  requireInteger(OWNER, 'numClasses', numClasses, 1);
  if (options.inputShape != null) requireImageShape(OWNER, 'inputShape', options.inputShape);
  const inputShape = options.inputShape ?? [
    ...(weights?.inputSize ?? ([size.imageSize, size.imageSize, size.inputChannels] as const)),
  ];
  if ('numHeads' in size) return createVit(size, { ...options, inputShape, numClasses });
  const network = networkArgs(options, size);
  const supervised = options.intermediateSupervision ?? false;
  const image = tfl.input({ shape: inputShape, name: 'image' });
  const features = new RevColBackbone({
    name: 'backbone',
    ...network,
    output: supervised ? supervisedColumns(network.columns) : 'last',
  }).apply(image);
  const outputs = Array.isArray(features)
    ? supervisedOutputs(
        features as tfl.SymbolicTensor[],
        numClasses,
        network,
        image.shape[3] as number,
      )
    : new RevColHead({ name: 'head', units: numClasses }).apply(features);
  return tfl.model({ name, inputs: image, outputs: outputs as tfl.SymbolicTensor[] });
}

/** The record of a classifier of images. */
function imageModel(name: ModelName) {
  const { size, weights } = modelRecord(OWNER, name);
  return { size: size as ModelSize | VitSize, weights };
}

function createVit({ name }: VitSize, options: CreateModelOptions): tfl.LayersModel {
  const { kernelSize, topFusion, intermediateSupervision } = options;
  if (kernelSize != null || topFusion != null || intermediateSupervision) {
    throw new Error(
      `createModel: ${name} has neither kernelSize, topFusion nor intermediateSupervision; leave ` +
        `these options out`,
    );
  }
  return createVitModel(name, pickOptions(options, VIT_OPTIONS));
}

/** Columns after which the network is supervised: N/4, N/2, 3N/4 and N, counted from 0. */
function supervisedColumns(columns: number): number[] {
  if (columns % 4 === 0) return [1, 2, 3, 4].map((k) => (k * columns) / 4 - 1);
  throw new Error(
    `createModel: intermediateSupervision divides the columns into quarters, but columns is ` +
      `${columns}; give a multiple of 4`,
  );
}

function supervisedOutputs(
  features: tfl.SymbolicTensor[],
  units: number,
  { channels, patchSize }: { channels: number[]; patchSize: number },
  imageChannels: number,
): tfl.SymbolicTensor[] {
  const logits = features.map((f, k) => new RevColHead({ name: `head_${k}`, units }).apply(f));
  const kind = units <= MAX_PROGRESSIVE_CLASSES ? 'progressive' : 'simple';
  const images = features.slice(0, -1).map((f, k) =>
    new RevColImageDecoder({
      name: `decoder_${k}`,
      channels,
      kind,
      patchSize,
      imageChannels,
    }).apply(f),
  );
  return [...logits, ...images] as tfl.SymbolicTensor[];
}
