/** The model that `segment` uses: of a checkpoint, or a tfjs model in a folder. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import { show } from '../common/arguments';
import { shownSource } from '../common/url';
import { segmenterIn } from '../convert/segmenter_plan';
import { metadataOf, ownUnits } from '../data/model_input';
import { fileSystem } from '../model_files/file_system';
import { createModel } from '../models/create_model';
import type { SegmentOptions } from '../models/segment_options';
import { readTensor } from '../ops/engine/lost_backend';
import { ADE20K_CLASSES } from '../registry/ade20k';
import { REVCOL_ARCHITECTURES } from '../registry/architectures';
import type { Segmenter } from '../registry/describe_segmenter';
import { segmentationWeights } from '../registry/names';
import { registerOptimizers } from '../registry/register_optimizers';
import type { SegmentationWeights } from '../registry/segmentation';
import { loadCheckpoint, type LoadReport } from '../weights/load_checkpoint';
import { openCheckpoint } from '../weights/open_checkpoint';
import { prefixIn, underPrefix } from '../weights/select_tensors';
import { namesBeside, requireNames } from './class_names';
import { modelFile, requireRgb } from './classifier';
import { type Terminal, withProgress } from './terminal';
import { few, percent } from './text';
import { type DownloadOptions, findSegmenterWeights, type FoundWeights } from './weights_source';

export interface SegmenterOptions extends DownloadOptions {
  weights: string;
  model?: string;
  key?: string;
  prefix?: string;
  signal: AbortSignal;
}

export interface LoadedSegmenter {
  /** From `[1, height, width, 3]` to logits `[1, h, w, numClasses]`. */
  readonly model: tfl.LayersModel;
  readonly numClasses: number;
  /** How its pictures are prepared, windows, and what it says of its classes. */
  readonly settings: SegmentOptions;
  /** `[height, width]` of the images, where it takes those of one size alone. */
  readonly fixedSize?: readonly [number, number];
}

/** Classes that a map of 8 bits has room for. */
const MOST_CLASSES = 256;

type CheckClasses = (count: number) => void;

/**
 * Loads the segmenter that `--weights` names.
 *
 * @param checkClasses called with the number of classes before weights are read
 * @throws {Error} when it is no segmenter of RGB images, or cannot be found or read, or weights are not finite
 */
export async function loadSegmenter(
  options: SegmenterOptions,
  terminal: Terminal,
  checkClasses: CheckClasses,
): Promise<LoadedSegmenter> {
  const { model: name } = options;
  const wanted = name === undefined ? undefined : segmentationWeights(name);
  const check = (count: number) => {
    if (count > MOST_CLASSES) {
      throw new Error(
        `the model has ${count} classes, but class maps of 8 bits have room for ${MOST_CLASSES}; use segment ` +
          'in a program',
      );
    }
    checkClasses(count);
  };
  const file = await modelFile(options.weights);
  const loaded =
    file === undefined
      ? await fromCheckpoint(
          await findSegmenterWeights(options.weights, options, terminal),
          options,
          wanted,
          terminal,
          check,
        )
      : await fromFolder(file, options, wanted, check);
  try {
    await requireFinite(loaded.model);
  } catch (error) {
    loaded.model.dispose();
    throw error;
  }
  return loaded;
}

/** What a record says of how to segment, and the data set of its classes where the model has as many. */
function settingsOf(record: SegmentationWeights | undefined, numClasses: number): SegmentOptions {
  const own: SegmentOptions = numClasses === ADE20K_CLASSES.length ? { dataset: 'ADE20K' } : {};
  if (!record) return own;
  const { inputSize, slideStride, shortSide, mean, std } = record;
  return { inputSize, slideStride, shortSide, mean, std, ...own };
}

async function fromFolder(
  file: string,
  { key, prefix }: SegmenterOptions,
  wanted: SegmentationWeights | undefined,
  checkClasses: CheckClasses,
): Promise<LoadedSegmenter> {
  if (prefix !== undefined) throw new Error(`--prefix is for checkpoints; ${file} is a tfjs model`);
  if (key !== undefined) throw new Error(`--key is for checkpoints; ${file} is a tfjs model`);
  // What was compiled is saved with its optimizer.
  registerOptimizers();
  const model = await tfl.loadLayersModel(fileSystem(file));
  try {
    const [height = null, width = null, channels] = model.inputs[0]?.shape.slice(1) ?? [];
    const output = model.outputs[0]?.shape ?? [];
    const numClasses = output[3];
    if (
      model.inputs.length !== 1 ||
      model.inputs[0]?.shape.length !== 4 ||
      output.length !== 4 ||
      numClasses == null
    ) {
      const shapes = (tensors: readonly tfl.SymbolicTensor[]) =>
        tensors.map(({ shape }) => show(shape)).join(', ');
      throw new Error(
        `${file} is no segmenter of images: it takes ${shapes(model.inputs)} and gives ` +
          `${shapes(model.outputs)}; expected [null, height, width, 3] and [null, h, w, classes]` +
          (output.length === 2 ? '. What pictures show as a whole, classify tells' : ''),
      );
    }
    requireRgb('segment', file, channels);
    checkClasses(numClasses);
    const { classNames, mean, std, shortSide } = metadataOf(model);
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
        ...(shortSide === undefined ? {} : { shortSide }),
        ...(names ? { classes: names } : {}),
      } as SegmentOptions,
      ...(height === null && width === null
        ? {}
        : { fixedSize: [height ?? width, width ?? height] as [number, number] }),
    };
  } catch (error) {
    model.dispose();
    throw error;
  }
}

/** Builds the segmenter that the checkpoint holds, of whatever size, and fills it. */
async function fromCheckpoint(
  { source, record }: FoundWeights<SegmentationWeights>,
  { key, prefix, signal }: SegmenterOptions,
  wanted: SegmentationWeights | undefined,
  terminal: Terminal,
  checkClasses: CheckClasses,
): Promise<LoadedSegmenter> {
  const name = shownSource(source);
  const opened = await openCheckpoint(source, { key, signal });
  const { segmenter, start, others } = await (async () => {
    const part = prefix === undefined ? opened : underPrefix(opened, prefix);
    // Every shape is compared with the others before a model of such shapes is allocated.
    const { segmenter, prefix: within } = segmenterIn(part, name);
    const outer = prefix === undefined ? '' : prefixIn(opened, prefix);
    const others = [...opened.entries.keys()].filter((tensor) => !tensor.startsWith(outer));
    return { segmenter, start: `${outer}${within}`, others: new Set(others) };
  })().finally(() => opened.close());
  requireRgb('segment', name, segmenter.inputChannels);
  if (wanted) requireSame(name, segmenter, wanted);
  checkClasses(segmenter.numClasses);
  const { columns, channels, depths, kernelSize, patchSize, topFusion } = segmenter;
  const { numClasses, headChannels, poolScales } = segmenter;
  const model = createModel('upernet_revcol_tiny.ade20k_512', {
    columns,
    kernelSize,
    patchSize,
    topFusion,
    numClasses,
    headChannels,
    poolScales,
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
        supervision: 'skip',
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
    const labels = labelsIn(report, numClasses, name, terminal);
    return {
      model,
      numClasses,
      settings: { ...settingsOf(wanted ?? record, numClasses), ...labels },
    };
  } catch (error) {
    model.dispose();
    throw error;
  }
}

/** Names and colours that the file tells; those of other classes are left out, and that is said. */
export function labelsIn(
  { classes, palette }: LoadReport,
  numClasses: number,
  name: string,
  terminal: Terminal,
): Pick<SegmentOptions, 'classes' | 'palette'> {
  const other = [classes, palette].find((list) => list && list.length !== numClasses);
  if (other) {
    terminal.error(
      `${name} names ${other.length} classes, its head has ${numClasses}; the names are left out\n`,
    );
    return {};
  }
  return { ...(classes ? { classes } : {}), ...(palette ? { palette } : {}) };
}

/** Asserts that a file holds the network that `--model` names; the number of classes may be another. */
function requireSame(name: string, found: Segmenter, wanted: SegmentationWeights): void {
  const { channels, depths, columns, topFusion } = REVCOL_ARCHITECTURES[wanted.size];
  const text = (net: Pick<Segmenter, 'columns' | 'channels' | 'depths' | 'kernelSize'>) =>
    `${net.columns} columns, channels ${net.channels.join(' ')}, depths ${net.depths.join(' ')}, kernel ` +
    `${net.kernelSize}`;
  const described = (net: Parameters<typeof text>[0], fusion: boolean, head: number) =>
    `${text(net)}${fusion ? ', Huge fusion' : ''}, ${head} channels in the head`;
  const { kernelSize, headChannels } = wanted;
  const expected = described({ channels, depths, columns, kernelSize }, topFusion, headChannels);
  const got = described(found, found.topFusion, found.headChannels);
  if (got === expected) return;
  throw new Error(`--model ${wanted.name} has ${expected}; ${name} holds ${got}. Leave it out`);
}

/** Of logits that are no numbers the first class would be taken everywhere. */
export async function requireFinite(model: tfl.LayersModel): Promise<void> {
  for (const weight of model.weights) {
    const sum = tf.tidy(() => tf.sum(tf.mul(weight.read(), 0)));
    const [value = NaN] = await readTensor(sum).finally(() => sum.dispose());
    if (Number.isFinite(value)) continue;
    throw new Error(
      `weight ${weight.name} holds values that are not finite (NaN or infinity); check what training has made ` +
        'of the weights',
    );
  }
}
