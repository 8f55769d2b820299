/** Loading a checkpoint into a model: everything is checked and read before the first weight changes. */
import type * as tfl from '@tensorflow/tfjs-layers';

import { requireModel } from '../common/arguments';
import { classCount } from '../common/class_output';
import { ofLines, oneLine, warn } from '../common/harmless';
import { type OptionNames, requireOptions } from '../common/options';
import type { CheckpointSource } from './bytes/source';
import type { Checkpoint } from './checkpoint';
import { classNamesIn, factsFor, giveFacts, readMetadata } from './checkpoint_metadata';
import { CheckpointError } from './errors';
import { STEM_KERNEL, withInputChannels } from './input_channels';
import { type LabelMetadata, readLabels } from './label_metadata';
import { compareNames, type Misshapen, type NameComparison } from './names/compare_names';
import {
  type LayerRoles,
  type MappedWeight,
  type ModelLike,
  modelWeights,
} from './names/model_weights';
import {
  findPrefix,
  isClassifier,
  isDecoder,
  isDenseLogits,
  withoutPrefix,
  withoutSupervision,
} from './names/published_names';
import { OPEN_OPTIONS, openAny, type OpenOptions } from './open_checkpoint';
import { readAndWrite, readThenWrite } from './transfer_weights';

/** Options of {@link loadCheckpoint}. */
export interface LoadOptions extends OpenOptions {
  /**
   * What stands before every published name in the file, for example `module.`. By default it is
   * found out.
   */
  prefix?: string;
  /**
   * Whether every weight must be in the file and every tensor in the model. Default true. Shapes
   * must agree in any case.
   */
  strict?: boolean;
  /**
   * `'load'` (default) wants classifiers, image decoders and heads of segmenters and detectors that fit. `'skip'` leaves
   * those that do not (another number of classes, or none at all) as they are in the model, with a
   * warning: so a segmenter or detector begins from a classifier's backbone.
   */
  head?: 'load' | 'skip';
  /**
   * `'load'` (default) takes the file's intermediate supervision, or auxiliary head, as it is. `'skip'`
   * leaves it out, for models without: of several classifiers the last becomes the model's, and no image
   * decoder is looked at, nor an auxiliary head.
   */
  supervision?: 'load' | 'skip';
  /**
   * `'load'` (default) wants weights of images with as many channels as the model's. `'adapt'` makes
   * weights of RGB images fit others, as timm does: the stem's kernel is summed over red, green and
   * blue for one channel, else repeated and scaled by 3 / channels.
   */
  inputChannels?: 'load' | 'adapt';
  /** Which of the model's layers are the backbone and the head, where that cannot be told. */
  layers?: LayerRoles;
  /** Called with the fraction read so far, from 0 to 1. */
  onProgress?: (fraction: number) => void;
}

const OPTIONS: OptionNames<LoadOptions> = {
  ...OPEN_OPTIONS,
  prefix: true,
  strict: true,
  head: true,
  supervision: true,
  inputChannels: true,
  layers: true,
  onProgress: true,
};

/**
 * What {@link loadCheckpoint} did, in published names without prefix; and names and colours of the classes,
 * where the file tells them, as OpenMMLab's do under `meta`.
 */
export interface LoadReport extends LabelMetadata {
  /** Tensors now in the model. */
  loaded: string[];
  /** Weights of the model that keep their values; of layers that are not RevCol's, their own names, unless the file has these. */
  missing: string[];
  /** Tensors of the file that the model has no place for. */
  unexpected: string[];
}

/**
 * Loads a `.pth` or `.safetensors` checkpoint in the published names into a model of `createModel`,
 * or into any model with a RevCol backbone.
 *
 * What the file says of how pictures are prepared and what classes are called is saved with the model, as its
 * user-defined metadata: as `saveCheckpoint` has written it, or, of classes, OpenMMLab. Names
 * only where what tells the classes is loaded, and of a model for another task mean and deviation alone. What is there
 * belongs to the weights that are there, and goes with them, also where the file does not say anything: what you know of its
 * weights yourself, save with the model afterwards (`setUserDefinedMetadata`). Metadata of other names stay.
 *
 * Averages that mmcv's `EMAHook` keeps in the same dict (`ema_...`) are left out.
 *
 * Names, shapes and places in the file are checked first; then all tensors are read, and only when
 * the last one is there does the first weight change. Memory: the weights once more (the new ones
 * beside the old ones), and two copies of the largest tensor.
 *
 * @param source a path (Node), a URL, an `ArrayBuffer`, `Uint8Array`, `Blob` or byte source; the
 * format is told by content.
 * @throws {CheckpointError} 'mismatch' when file and model do not fit, listing the first names and
 * both shapes, or the file names other classes than the model has; 'format', 'corrupt', 'unsupported' and 'io' when the file cannot be read (see
 * `openCheckpoint`). The model is then unchanged.
 */
export async function loadCheckpoint(
  model: ModelLike,
  source: CheckpointSource,
  options: LoadOptions = {},
): Promise<LoadReport> {
  requireOptions('loadCheckpoint', options, OPTIONS);
  requireModel('loadCheckpoint', model);
  return load(model, source, options, readThenWrite);
}

/**
 * As `loadCheckpoint`, into a model that nobody has seen yet: each weight is set as soon as it is read, so
 * that memory is that of the weights and of the largest tensor. When it fails, some weights are set.
 */
export async function loadFresh(
  model: ModelLike,
  source: CheckpointSource,
  options: LoadOptions = {},
): Promise<LoadReport> {
  return load(model, source, options, readAndWrite);
}

async function load(
  model: ModelLike,
  source: CheckpointSource,
  options: LoadOptions,
  transfer: typeof readThenWrite,
): Promise<LoadReport> {
  const found = modelWeights(model, options.layers);
  const opened = await openAny(source, options);
  try {
    const names = [...opened.entries.keys()];
    const kept = [...found.others].filter(([name]) => opened.entries.has(name));
    const mapped = new Map([...found.mapped, ...kept]);
    const unmapped = found.unmapped.filter((name) => !mapped.has(name));
    const published = withoutPrefix(names, options.prefix ?? findPrefix(names));
    const inFile = options.supervision === 'skip' ? withoutSupervision(published) : published;
    const checkpoint =
      options.inputChannels === 'adapt' ? adaptedTo(mapped, opened, inFile) : opened;
    const comparison = compareNames(mapped, inFile, checkpoint.entries, options.head === 'skip');
    const told = readMetadata(opened) ?? {};
    const labels = readLabels(opened.metadata);
    const classes = classNamesIn(opened, told, classCount(model as Partial<tfl.LayersModel>));
    const report: LoadReport = {
      loaded: comparison.fitting,
      missing: [...comparison.missing, ...unmapped],
      unexpected: comparison.unexpected,
      ...labels,
      ...(classes ? { classes: [...classes] } : {}),
    };
    const { strict = true } = options;
    if (
      comparison.misshapen.length > 0 ||
      (strict && report.missing.length + report.unexpected.length > 0)
    ) {
      throw misfit(model, comparison, report);
    }
    const { fitting } = comparison;
    const facts = factsFor('loadCheckpoint', model, opened, { mapped, fitting });
    if (comparison.dropped.length > 0) {
      warn(
        `loadCheckpoint: ${comparison.dropped.length} weights of the head do not fit those in the file (another ` +
          `number of classes, or no such head), such as ${comparison.dropped[0]}: they stay as they were, in a new ` +
          'model random, and are to be trained. All others are loaded',
      );
    }
    const targets = comparison.fitting.map((name) => ({
      weight: mapped.get(name) as MappedWeight,
      inFile: inFile.get(name) as string,
    }));
    await transfer(checkpoint, targets, options.onProgress);
    giveFacts(model, facts);
    return report;
  } finally {
    await opened.close();
  }
}

/** The file as of images with the model's channels. */
function adaptedTo(
  weights: ReadonlyMap<string, MappedWeight>,
  checkpoint: Checkpoint,
  inFile: ReadonlyMap<string, string>,
): Checkpoint {
  const channels = weights.get(STEM_KERNEL)?.publishedShape[1];
  const kernel = inFile.get(STEM_KERNEL);
  // What is missing is told with all else that is.
  if (channels === undefined || kernel === undefined) return checkpoint;
  return withInputChannels(checkpoint, channels, kernel);
}

/** What to do about shapes that differ, where only heads or the image's channels do. */
function adviceOn(misshapen: readonly Misshapen[]): string[] {
  const advice: string[] = [];
  const stem = misshapen.find((weight) => weight.name === STEM_KERNEL && differsInChannels(weight));
  const givesClasses = (name: string) => isClassifier(name) || isDenseLogits(name);
  const heads = misshapen.filter(({ name }) => givesClasses(name) || isDecoder(name));
  if (misshapen.length > heads.length + (stem ? 1 : 0)) {
    return ["Build the model with the file's columns, channels and depths (tfjs-revcol inspect)."];
  }
  if (stem) {
    const [file, model] = [stem.file[1], stem.model[1]];
    advice.push(
      `The weights are of images with ${file} channels, the model's have ${model}: ` +
        (file === 3
          ? "pass inputChannels: 'adapt' (3 channels, RGB, can be made to fit others)."
          : `build the model with inputShape [height, width, ${file}].`),
    );
  }
  if (heads.some(({ name }) => givesClasses(name))) {
    advice.push("For another number of classes pass head: 'skip'.");
  } else if (heads.length > 0) {
    advice.push("To leave out image decoders that do not fit pass head: 'skip'.");
  }
  return advice;
}

function differsInChannels({ file, model }: Misshapen): boolean {
  return file.length === model.length && file.every((size, d) => d === 1 || size === model[d]);
}

const SHOWN = 5;
const MAX_SHOWN_NAME = 120;

function misfit(model: ModelLike, comparison: NameComparison, report: LoadReport): CheckpointError {
  const list = (names: readonly string[]): string =>
    names
      .slice(0, SHOWN)
      .map((name) => name.slice(0, MAX_SHOWN_NAME))
      .join(', ') + (names.length > SHOWN ? ', ...' : '');
  const lines: string[] = [];
  const { misshapen } = comparison;
  if (misshapen.length > 0) {
    lines.push(`${misshapen.length} of another shape:`);
    for (const { name, file, model: own } of misshapen.slice(0, SHOWN)) {
      lines.push(`  ${name}: [${file.join(', ')}] in the file, [${own.join(', ')}] in the model`);
    }
    lines.push(...adviceOn(misshapen));
  }
  const { missing, unexpected } = report;
  if (missing.length > 0) lines.push(`${missing.length} missing from the file: ${list(missing)}`);
  if (unexpected.length > 0)
    lines.push(`${unexpected.length} not in the model: ${list(unexpected)}`);
  if (missing.length + unexpected.length > 0) {
    lines.push(
      "Build the model as the file was trained, or pass strict: false to load what fits (supervision: 'skip' " +
        'where only the classifiers and decoders of intermediate supervision, or an auxiliary head, are too ' +
        "many; head: 'skip' to begin a segmenter or detector from a classifier's backbone).",
    );
  }
  const what = `loadCheckpoint: the file does not fit model ${model.name}; nothing was loaded.`;
  return ofLines(new CheckpointError('mismatch', [what, ...lines].map(oneLine).join('\n')));
}
