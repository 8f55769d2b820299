/** The model that `detect` uses: of a checkpoint, or a tfjs model in a folder. */
import * as tfl from '@tensorflow/tfjs-layers';

import { shownSource } from '../common/url';
import { detectorIn } from '../convert/detector_plan';
import { metadataOf, ownUnits } from '../data/model_input';
import { fileSystem } from '../model_files/file_system';
import { createModel } from '../models/create_model';
import type { DetectOptions } from '../models/detect_options';
import { detectorParts } from '../models/detector_parts';
import { COCO_CLASSES } from '../registry/coco';
import type { DetectionWeights } from '../registry/detection';
import { detectionWeights } from '../registry/names';
import { registerOptimizers } from '../registry/register_optimizers';
import { loadCheckpoint } from '../weights/load_checkpoint';
import { openCheckpoint } from '../weights/open_checkpoint';
import { prefixIn, underPrefix } from '../weights/select_tensors';
import { namesBeside, requireNames } from './class_names';
import { modelFile, requireRgb } from './classifier';
import { labelsIn, requireFinite } from './segmenter';
import { type Terminal, withProgress } from './terminal';
import { few, percent } from './text';
import { type DownloadOptions, findDetectorWeights, type FoundWeights } from './weights_source';

export interface DetectorOptions extends DownloadOptions {
  weights: string;
  model?: string;
  key?: string;
  prefix?: string;
  signal: AbortSignal;
}

export interface LoadedDetector {
  readonly model: tfl.LayersModel;
  readonly numClasses: number;
  /** How its pictures are prepared, and what it says of its classes. */
  readonly settings: DetectOptions;
}

type CheckClasses = (count: number) => void;

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
  const file = await modelFile(options.weights);
  const loaded =
    file === undefined
      ? await fromCheckpoint(
          await findDetectorWeights(options.weights, options, terminal),
          options,
          wanted,
          terminal,
          checkClasses,
        )
      : await fromFolder(file, options, wanted, checkClasses);
  try {
    await requireFinite(loaded.model);
  } catch (error) {
    loaded.model.dispose();
    throw error;
  }
  return loaded;
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
  { key, prefix }: DetectorOptions,
  wanted: DetectionWeights | undefined,
  checkClasses: CheckClasses,
): Promise<LoadedDetector> {
  if (prefix !== undefined) throw new Error(`--prefix is for checkpoints; ${file} is a tfjs model`);
  if (key !== undefined) throw new Error(`--key is for checkpoints; ${file} is a tfjs model`);
  // What was compiled is saved with its optimizer.
  registerOptimizers();
  const model = await tfl.loadLayersModel(fileSystem(file));
  try {
    const numClasses = detectorParts(file, model).heads.units;
    requireRgb('detect', file, model.inputs[0]?.shape[3]);
    checkClasses(numClasses);
    const { classNames, mean, std } = metadataOf(model);
    if (classNames) requireNames(classNames, file, numClasses);
    const own = ownUnits(file, model) ?? { mean, std };
    const names = classNames ?? (await namesBeside(file, numClasses));
    return {
      model,
      numClasses,
      settings: {
        ...settingsOf(wanted, numClasses),
        ...(own.mean ? { mean: own.mean } : {}),
        ...(own.std ? { std: own.std } : {}),
        ...(names ? { classes: names } : {}),
      } as DetectOptions,
    };
  } catch (error) {
    model.dispose();
    throw error;
  }
}

/** Builds the detector that the checkpoint holds, of whatever size, and fills it. */
async function fromCheckpoint(
  { source, record }: FoundWeights<DetectionWeights>,
  { key, prefix, signal }: DetectorOptions,
  wanted: DetectionWeights | undefined,
  terminal: Terminal,
  checkClasses: CheckClasses,
): Promise<LoadedDetector> {
  const name = shownSource(source);
  const opened = await openCheckpoint(source, { key, signal });
  const { detector, start, others } = await (async () => {
    const part = prefix === undefined ? opened : underPrefix(opened, prefix);
    // Every shape is compared with the others before a model of such shapes is allocated.
    const { detector, prefix: within } = detectorIn(part, name);
    const outer = prefix === undefined ? '' : prefixIn(opened, prefix);
    const others = [...opened.entries.keys()].filter((tensor) => !tensor.startsWith(outer));
    return { detector, start: `${outer}${within}`, others: new Set(others) };
  })().finally(() => opened.close());
  requireRgb('detect', name, detector.inputChannels);
  checkClasses(detector.numClasses);
  const { columns, channels, depths, kernelSize, patchSize, topFusion } = detector;
  const { numClasses, pyramidChannels, hiddenChannels } = detector;
  const model = createModel('cascade_mask_rcnn_revcol_tiny.coco', {
    columns,
    kernelSize,
    patchSize,
    topFusion,
    numClasses,
    pyramidChannels,
    hiddenChannels,
    channels: [...channels],
    depths: [...depths],
  });
  try {
    const report = await withProgress(terminal, 'weights', percent, (onProgress) =>
      loadCheckpoint(model, source, {
        key,
        signal,
        prefix: start,
        strict: false,
        onProgress: (fraction) => {
          signal.throwIfAborted();
          onProgress(fraction, 1);
        },
      }),
    );
    const unused = report.unexpected.filter((tensor) => !others.has(tensor));
    if (unused.length > 0) {
      terminal.error(
        `left out ${unused.length} tensors that inference does not use: ${few(unused)}\n`,
      );
    }
    const { classes } = labelsIn(report, numClasses, name, terminal);
    const settings = {
      ...settingsOf(wanted ?? record, numClasses),
      ...(classes ? { classes } : {}),
    };
    return { model, numClasses, settings };
  } catch (error) {
    model.dispose();
    throw error;
  }
}
