/** The model that `detect` uses: of a checkpoint, or a tfjs model in a folder. */
import type * as tfl from '@tensorflow/tfjs-layers';

import { shownSource } from '../common/url';
import { detectorIn } from '../convert/detector_plan';
import { savedPreparation } from '../data/model_input';
import { createModel } from '../models/create_model';
import type { DetectOptions } from '../models/detect_options';
import { detectorParts } from '../models/detector_parts';
import { withSeededRandom } from '../ops/engine/random';
import { COCO_CLASSES } from '../registry/coco';
import type { DetectionWeights } from '../registry/detection';
import { detectionWeights } from '../registry/names';
import { savedNames } from './class_names';
import { requireRgb } from './classifier';
import {
  type CheckClasses,
  type DenseOptions,
  fillFrom,
  findNetwork,
  labelsIn,
  loadDense,
  openFolder,
  orDispose,
} from './dense_model';
import { requireKind } from './model_kind';
import type { Terminal } from './terminal';
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

/** What a record says of how to detect, and the data set of its classes where the model has as many. */
function settingsOf(record: DetectionWeights | undefined, numClasses: number): DetectOptions {
  const own: DetectOptions = numClasses === COCO_CLASSES.length ? { dataset: 'COCO' } : {};
  if (!record) return own;
  const { shortSide, longSide, mean, std } = record;
  return { shortSide, longSide, mean, std, ...own };
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
    return {
      model,
      numClasses,
      settings: {
        ...settingsOf(wanted, numClasses),
        ...savedPreparation(file, model, ['shortSide', 'longSide']),
        ...(names ? { classes: names } : {}),
      } as DetectOptions,
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
    const { classes } = labelsIn(report, numClasses, name, terminal);
    const settings = {
      ...settingsOf(wanted ?? record, numClasses),
      ...(classes ? { classes } : {}),
    };
    return { model, numClasses, settings };
  });
}
