/** The model that `classify` uses: of a checkpoint, or a tfjs model in a folder. */
import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import * as tfl from '@tensorflow/tfjs-layers';

import { ifThere } from '../common/if_there';
import { isUrlText, shownSource } from '../common/url';
import { architectureOf } from '../convert/architecture';
import { planOf } from '../convert/convert_checkpoint';
import { metadataOf, ownUnits } from '../data/model_input';
import { classOutput } from '../evaluation/class_outputs';
import { fileSystem } from '../model_files/file_system';
import { createModel } from '../models/create_model';
import type { PreprocessOptions } from '../preprocessing/fit_image';
import { REVCOL_ARCHITECTURES } from '../registry/architectures';
import { registerOptimizers } from '../registry/register_optimizers';
import { loadCheckpoint } from '../weights/load_checkpoint';
import { openCheckpoint } from '../weights/open_checkpoint';
import { prefixIn, underPrefix } from '../weights/select_tensors';
import type { Untold } from './assumed_preparation';
import { savedNames } from './class_names';
import { withNotice } from './download_notice';
import { requireKind, TAKEN_BY } from './model_kind';
import { type Terminal, withProgress } from './terminal';
import { few, percent } from './text';
import { type DownloadOptions, findWeights, type WeightsSource } from './weights_source';

export interface ClassifierOptions extends DownloadOptions {
  weights: string;
  inputSize?: number;
  key?: string;
  prefix?: string;
}

export interface Classifier {
  /** From `[1, side, side, channels]` to `[1, numClasses]`; of RGB, or of grey images. */
  readonly model: tfl.LayersModel;
  readonly preprocessing: PreprocessOptions;
  readonly numClasses: number;
  /** Whether the model ends in a softmax of its own; else it gives logits. */
  readonly givesProbabilities: boolean;
  /** Names by class, where the model brings them along. */
  readonly classNames?: readonly string[];
  /** Whether it was trained on pictures as they are shown, turned by their orientation tag (EXIF). */
  readonly upright: boolean;
  /** What is assumed of its pictures; absent where the model or a record tells how they are prepared. */
  readonly untold?: Untold;
}

/**
 * Loads the model that `--weights` names.
 *
 * @param checkClasses called with the number of classes before weights are read
 * @throws {Error} when it is no classifier of RGB or grey images, or cannot be found or read
 */
export async function loadClassifier(
  options: ClassifierOptions,
  terminal: Terminal,
  checkClasses: (count: number) => void,
): Promise<Classifier> {
  const file = await modelFile(options.weights);
  if (file !== undefined) return fromFolder(file, options, checkClasses);
  const weights = await findWeights(options.weights, options, terminal);
  return fromCheckpoint(weights, options, terminal, checkClasses);
}

/** The `model.json` that is given, or lies in the folder that is given. */
export async function modelFile(given: string): Promise<string | undefined> {
  if (isUrlText(given)) return undefined;
  const isFile = async (path: string) => (await ifThere(stat(path)))?.isFile();
  if (basename(given) === 'model.json' && (await isFile(given))) return given;
  const within = join(given, 'model.json');
  return (await isFile(within)) ? within : undefined;
}

async function fromFolder(
  file: string,
  { key, prefix, inputSize }: ClassifierOptions,
  checkClasses: (count: number) => void,
): Promise<Classifier> {
  if (prefix !== undefined) throw new Error(`--prefix is for checkpoints; ${file} is a tfjs model`);
  if (key !== undefined) throw new Error(`--key is for checkpoints; ${file} is a tfjs model`);
  // What was compiled is saved with its optimizer.
  registerOptimizers();
  const model = await tfl.loadLayersModel(fileSystem(file));
  try {
    requireKind(file, model, 'classifier');
    const [height, width, channels] = model.inputs[0]?.shape.slice(1) ?? [];
    const classes = model.outputs[0]?.shape;
    const numClasses = classes?.length === 2 ? classes[1] : undefined;
    if (
      model.inputs.length !== 1 ||
      model.inputs[0]?.shape.length !== 4 ||
      model.outputs.length !== 1 ||
      numClasses == null
    ) {
      const shapes = (tensors: readonly tfl.SymbolicTensor[]) =>
        tensors.map(({ shape }) => `[${shape.map((size) => size ?? 'any').join(', ')}]`).join(', ');
      throw new Error(
        `${file} is no classifier of images: it takes ${shapes(model.inputs)} and gives ` +
          `${shapes(model.outputs)}; expected [any, height, width, 3] and [any, classes]`,
      );
    }
    const depth = rgbOrGrey(file, channels);
    const wanted = inputSize ?? height ?? width ?? 224;
    const sides = [height ?? wanted, width ?? wanted] as const;
    if (inputSize !== undefined && sides.some((side) => side !== inputSize)) {
      throw new Error(
        `${file} takes images of ${sides.join(' x ')} pixels, so --input-size ${inputSize} does not ` +
          'fit; leave it out, or convert the checkpoint with that size',
      );
    }
    checkClasses(numClasses);
    const { crop, upright = false, ...saved } = metadataOf(model);
    const { mean, std } = ownUnits(file, model) ?? saved;
    const isOpen = (height === null || width === null) && inputSize === undefined;
    return {
      model,
      preprocessing: { inputSize: [...sides, depth], mean, std, crop },
      numClasses,
      givesProbabilities: classOutput(file, model).kind === 'probabilities',
      classNames: await savedNames(file, model, numClasses),
      upright,
      // What was trained here without statistics of its own had ImageNet's.
      ...(mean === undefined && std === undefined && !upright
        ? { untold: { name: file, channels: depth, ...(isOpen ? { assumedSize: sides } : {}) } }
        : {}),
    };
  } catch (error) {
    model.dispose();
    throw error;
  }
}

/** Builds the model that the checkpoint holds, of whatever size, and fills it. */
async function fromCheckpoint(
  { source, record }: WeightsSource,
  { key, prefix, inputSize }: ClassifierOptions,
  terminal: Terminal,
  checkClasses: (count: number) => void,
): Promise<Classifier> {
  const opened = await withNotice(source, terminal, (telling) =>
    openCheckpoint(source, { key, ...telling }),
  );
  const { classifier, made, start, others } = await (async () => {
    const part = prefix === undefined ? opened : underPrefix(opened, prefix);
    const {
      numClasses,
      segmentation,
      detection,
      size,
      prefix: within,
    } = architectureOf(part.entries);
    if (numClasses === undefined) {
      const kind = segmentation ? 'segmenter' : detection ? 'detector' : null;
      const instead = kind === null ? '' : `; it is ${TAKEN_BY[kind]}`;
      throw new Error(`${shownSource(source)} has no classifier${instead}`);
    }
    const start = `${prefix === undefined ? '' : prefixIn(opened, prefix)}${within}`;
    // Every shape is compared with the others before a model of such shapes is allocated.
    const others = [...opened.entries.keys()].filter((name) => !name.startsWith(start));
    const made = size && REVCOL_ARCHITECTURES[size].imageSize;
    return { classifier: planOf(part).classifier, made, start, others: new Set(others) };
  })().finally(() => opened.close());
  const { inputChannels, numClasses, channels, depths } = classifier;
  const { columns, kernelSize, patchSize, topFusion } = classifier;
  const depth = rgbOrGrey(shownSource(source), inputChannels);
  checkClasses(numClasses);
  const side = inputSize ?? record?.inputSize[0] ?? made ?? 224;
  const model = createModel('revcol_tiny', {
    columns,
    kernelSize,
    patchSize,
    topFusion,
    numClasses,
    channels: [...channels],
    depths: [...depths],
    inputShape: [side, side, inputChannels],
  });
  try {
    // The plan has found every weight of the model; what else there may be, `convert` leaves out too.
    const { unexpected } = await withProgress(terminal, 'weights', percent, (report) =>
      loadCheckpoint(model, source, {
        key,
        prefix: start,
        strict: false,
        supervision: 'skip',
        onProgress: (fraction) => report(fraction, 1),
      }),
    );
    const unused = unexpected.filter((name) => prefix === undefined || !others.has(name));
    if (unused.length > 0) {
      terminal.error(
        `left out ${unused.length} tensors that inference does not use: ${few(unused)}\n`,
      );
    }
  } catch (error) {
    model.dispose();
    throw error;
  }
  const { mean, std, classNames } = record ?? {};
  const assumed = inputSize === undefined ? { assumedSize: [side, side] as const } : {};
  const crop = inputSize === undefined ? record?.crop : undefined;
  const preprocessing = { inputSize: [side, side, depth] as const, mean, std, crop };
  return {
    model,
    preprocessing,
    numClasses,
    givesProbabilities: false,
    classNames: classNames?.length === numClasses ? classNames : undefined,
    upright: false,
    ...(record ? {} : { untold: { name: shownSource(source), channels: depth, ...assumed } }),
  };
}

/** Channels that pictures can be given. */
function rgbOrGrey(name: string, channels: number | null | undefined): 1 | 3 {
  if (channels !== 1) requireRgb('classify', name, channels);
  return channels === 1 ? 1 : 3;
}

export function requireRgb(
  command: string,
  name: string,
  channels: number | null | undefined,
): void {
  if (channels === 3) return;
  throw new Error(
    `${name} is of images with ${channels ?? 'any number of'} channels; ${command} reads images as RGB, ` +
      'so it needs 3',
  );
}
