/** The model that `classify` uses: of a checkpoint, or a tfjs model in a folder. */
import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import * as tfl from '@tensorflow/tfjs-layers';

import { ifThere } from '../../common/if_there';
import { addMetadata, metadataOf } from '../../common/model_metadata';
import { isUrlText, shownSource } from '../../common/url';
import { architectureOf } from '../../convert/architecture';
import { planOf } from '../../convert/convert_checkpoint';
import { savedStatistics } from '../../data/model_input';
import { classOutput } from '../../evaluation/class_outputs';
import { fileSystem } from '../../model_files/file_system';
import { createModel } from '../../models/create_model';
import type { PreprocessOptions } from '../../preprocessing/fit_image';
import { REVCOL_ARCHITECTURES } from '../../registry/architectures';
import { recordMetadata } from '../../registry/record_metadata';
import { registerOptimizers } from '../../registry/register_optimizers';
import { metadataOfClasses } from '../../weights/checkpoint_metadata';
import { loadCheckpoint } from '../../weights/load_checkpoint';
import { openCheckpoint } from '../../weights/open_checkpoint';
import { prefixIn, underPrefix } from '../../weights/select_tensors';
import { withNotice } from '../base/download_notice';
import { type Terminal, withProgress } from '../base/terminal';
import { few, linesOf, percent } from '../base/text';
import type { Untold } from './assumed_preparation';
import { savedNames } from './class_names';
import { requireKind, TAKEN_BY } from './model_kind';
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
    const told = metadataOf(model, file);
    const [tall, wide] = told.inputSize ?? [];
    const wanted = inputSize ?? height ?? width;
    const sides = [height ?? wanted ?? tall ?? 224, width ?? wanted ?? wide ?? 224] as const;
    if (inputSize !== undefined && sides.some((side) => side !== inputSize)) {
      throw new Error(
        `${file} takes images of ${sides.join(' x ')} pixels, so --input-size ${inputSize} does not ` +
          'fit; leave it out, or convert the checkpoint with that size',
      );
    }
    checkClasses(numClasses);
    const classNames = await savedNames(file, model, numClasses);
    // Names that lie beside it are its own from now on.
    addMetadata(model, { classNames });
    const isTold = (inputSize ?? tall) !== undefined || (height !== null && width !== null);
    return {
      model,
      preprocessing: { inputSize: [...sides, depth], ...preparationOf(file, model) },
      numClasses,
      givesProbabilities: classOutput(file, model).kind === 'probabilities',
      classNames,
      upright: told.upright ?? false,
      ...untoldOf(file, model, isTold ? {} : { assumedSize: sides }),
    };
  } catch (error) {
    model.dispose();
    throw error;
  }
}

/** By what pixels are normalised, and what of a picture is looked at, as the model says. */
function preparationOf(name: string, model: tfl.LayersModel): PreprocessOptions {
  return { ...savedStatistics(name, model), crop: metadataOf(model, name).crop };
}

/** What is assumed of the pictures of a model; nothing where it tells, or was trained here, by ImageNet's statistics. */
function untoldOf(
  name: string,
  model: tfl.LayersModel,
  sizes: Pick<Untold, 'assumedSize'>,
): { untold?: Untold } {
  const { mean, std } = preparationOf(name, model);
  if (mean !== undefined || std !== undefined || metadataOf(model, name).upright) return {};
  return { untold: { name, channels: model.inputs[0]?.shape[3] ?? 3, ...sizes } };
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
  const name = shownSource(source);
  const { classifier, made, start, others, saved } = await (async () => {
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
      throw new Error(`${name} has no classifier${instead}`);
    }
    const start = `${prefix === undefined ? '' : prefixIn(opened, prefix)}${within}`;
    // Every shape is compared with the others before a model of such shapes is allocated.
    const others = [...opened.entries.keys()].filter((name) => !name.startsWith(start));
    const made = size && REVCOL_ARCHITECTURES[size].imageSize;
    const saved = metadataOfClasses(opened, numClasses);
    return { classifier: planOf(part).classifier, made, start, others: new Set(others), saved };
  })().finally(() => opened.close());
  const { inputChannels, numClasses, channels, depths } = classifier;
  const { columns, kernelSize, patchSize, topFusion } = classifier;
  const depth = rgbOrGrey(name, inputChannels);
  checkClasses(numClasses);
  const side = inputSize ?? record?.inputSize[0] ?? made ?? 224;
  const sides = (inputSize === undefined && saved?.inputSize) || ([side, side] as const);
  const model = createModel('revcol_tiny', {
    columns,
    kernelSize,
    patchSize,
    topFusion,
    numClasses,
    channels: [...channels],
    depths: [...depths],
    inputShape: [...sides, inputChannels],
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
        linesOf(`left out ${unused.length} tensors that inference does not use: ${few(unused)}`),
      );
    }
  } catch (error) {
    model.dispose();
    throw error;
  }
  if (record) {
    const given = { numClasses, sides: inputSize === undefined ? record.inputSize : [] };
    // What the file itself says comes first.
    addMetadata(model, { ...recordMetadata(record, given), ...metadataOf(model, name) });
  }
  const { classNames, upright = false } = metadataOf(model, name);
  const isTold = inputSize !== undefined || saved?.inputSize !== undefined;
  return {
    model,
    preprocessing: { inputSize: [...sides, depth], ...preparationOf(name, model) },
    numClasses,
    givesProbabilities: false,
    classNames,
    upright,
    ...untoldOf(name, model, isTold ? {} : { assumedSize: sides }),
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
