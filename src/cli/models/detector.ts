/** The model that `detect` uses: of a checkpoint, or a tfjs model in a folder. */
import type * as tfl from '@tensorflow/tfjs-layers';

import { metadataOf, present } from '../../common/model_metadata';
import { shownSource } from '../../common/url';
import { detectorIn } from '../../convert/detector_plan';
import { createModel } from '../../models/create_model';
import type { DetectOptions } from '../../models/detect_options';
import { detectorParts } from '../../models/detector_parts';
import { withSeededRandom } from '../../ops/engine/random';
import { COCO_CLASSES } from '../../registry/coco';
import type { DetectionWeights } from '../../registry/detection';
import { detectionWeights } from '../../registry/names';
import type { Terminal } from '../base/terminal';
import type { Untold } from './assumed_preparation';
import { savedNames } from './class_names';
import { requireRgb } from './classifier';
import {
  type CheckClasses,
  type DenseOptions,
  fillFrom,
  findNetwork,
  labelsIn,
  loadDense,
  normalizationOf,
  openFolder,
  orDispose,
  type Records,
} from './dense_model';
import { requireKind } from './model_kind';
import { findDetectorWeights, type FoundWeights } from './weights_source';

export interface DetectorOptions extends DenseOptions {
  /**
   * For training: how many classes the heads of a checkpoint are made for, and the seed of what it does not bring, which
   * are those of other classes. Default: it is for inference.
   */
  training?: { readonly numClasses: number; readonly seed: number };
}

export interface LoadedDetector {
  readonly model: tfl.LayersModel;
  readonly numClasses: number;
  /** How its pictures are prepared, and what it says of its classes. */
  readonly settings: DetectOptions;
  /** What is assumed of its pictures; absent where the model or a record tells how they are prepared. */
  readonly untold?: Untold;
}

/**
 * Loads the detector that `--weights` names.
 *
 * @param checkClasses called with the number of classes before weights are read
 * @throws {Error} when it is no detector of RGB images, or cannot be found or read, or weights are not finite
 */
export async function loadDetector(
  options: DetectorOptions,
  terminal: Terminal,
  checkClasses: CheckClasses,
): Promise<LoadedDetector> {
  const { model: name } = options;
  const wanted = name === undefined ? undefined : detectionWeights(name);
  return loadDense(
    options.weights,
    (file) => fromFolder(file, options, wanted, checkClasses),
    async () => {
      const found = await findDetectorWeights(options.weights, options, terminal);
      return fromCheckpoint(found, options, wanted, terminal, checkClasses);
    },
  );
}

/**
 * How to detect: sizes as `--model` says, else the model, else the file's record; pixels as the model says, which has
 * learned from such; and the data set of its classes where it has as many.
 */
function settingsOf(
  name: string,
  model: tfl.LayersModel,
  { wanted, record }: Records<DetectionWeights>,
  numClasses: number,
): Pick<LoadedDetector, 'settings' | 'untold'> {
  const { shortSide, longSide } = wanted ?? { ...record, ...metadataOf(model, name) };
  const { statistics, ...untold } = normalizationOf(name, model, { wanted, record });
  const own = numClasses === COCO_CLASSES.length ? { dataset: 'COCO' } : {};
  return {
    settings: present({ shortSide, longSide, ...statistics, ...own }) as DetectOptions,
    ...untold,
  };
}

async function fromFolder(
  file: string,
  options: DetectorOptions,
  wanted: DetectionWeights | undefined,
  checkClasses: CheckClasses,
): Promise<LoadedDetector> {
  const model = await openFolder(file, options);
  return orDispose(model, async () => {
    requireKind(file, model, 'detector');
    const numClasses = detectorParts(file, model).heads.units;
    requireRgb('detect', file, model.inputs[0]?.shape[3]);
    checkClasses(numClasses);
    const names = await savedNames(file, model, numClasses);
    const { settings, untold } = settingsOf(file, model, { wanted }, numClasses);
    return {
      model,
      numClasses,
      settings: { ...settings, ...(names ? { classes: names } : {}) },
      untold,
    };
  });
}

/** Builds the detector that the checkpoint holds, of whatever size, and fills it. */
async function fromCheckpoint(
  { source, record }: FoundWeights<DetectionWeights>,
  options: DetectorOptions,
  wanted: DetectionWeights | undefined,
  terminal: Terminal,
  checkClasses: CheckClasses,
): Promise<LoadedDetector> {
  const name = shownSource(source);
  const found = await findNetwork(source, options, terminal, (part) => {
    const { detector, prefix } = detectorIn(part, name);
    return { network: detector, prefix };
  });
  const { network } = found;
  requireRgb('detect', name, network.inputChannels);
  checkClasses(network.numClasses);
  const { columns, channels, depths, kernelSize, patchSize, topFusion } = network;
  const { pyramidChannels, hiddenChannels } = network;
  const { numClasses = network.numClasses, seed = 0 } = options.training ?? {};
  const model = withSeededRandom(seed, () =>
    createModel('cascade_mask_rcnn_revcol_tiny.coco', {
      columns,
      kernelSize,
      patchSize,
      topFusion,
      numClasses,
      pyramidChannels,
      hiddenChannels,
      channels: [...channels],
      depths: [...depths],
    }),
  );
  return orDispose(model, async () => {
    const { key, signal } = options;
    const head = numClasses === network.numClasses ? 'load' : 'skip';
    const report = await fillFrom(model, source, found, { key, signal, head }, terminal);
    const { classes } = head === 'load' ? labelsIn(report, numClasses, name, terminal) : {};
    const { settings, untold } = settingsOf(name, model, { wanted, record }, numClasses);
    return {
      model,
      numClasses,
      settings: { ...settings, ...(classes ? { classes } : {}) },
      untold,
    };
  });
}
