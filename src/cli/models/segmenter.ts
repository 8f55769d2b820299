/** The model that `segment` uses: of a checkpoint, or a tfjs model in a folder. */
import type * as tfl from '@tensorflow/tfjs-layers';

import { show } from '../../common/arguments';
import { metadataOf, present } from '../../common/model_metadata';
import { shownSource } from '../../common/url';
import { segmenterIn } from '../../convert/segmenter_plan';
import { createModel } from '../../models/create_model';
import type { SegmentOptions } from '../../models/segment_options';
import { withSeededRandom } from '../../ops/engine/random';
import { ADE20K_CLASSES } from '../../registry/ade20k';
import { REVCOL_ARCHITECTURES } from '../../registry/architectures';
import type { Segmenter } from '../../registry/describe_segmenter';
import { segmentationWeights } from '../../registry/names';
import type { SegmentationWeights } from '../../registry/segmentation';
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
import { findSegmenterWeights, type FoundWeights } from './weights_source';

export interface SegmenterOptions extends DenseOptions {
  /**
   * For training: how many classes the logits of a checkpoint are made for, and the seed of what it does not bring,
   * which are those of other classes, and the auxiliary head. Default: it is for inference.
   */
  training?: { readonly numClasses: number; readonly seed: number };
}

export interface LoadedSegmenter {
  /** From `[1, height, width, 3]` to logits `[1, h, w, numClasses]`. */
  readonly model: tfl.LayersModel;
  readonly numClasses: number;
  /** How its pictures are prepared, windows, and what it says of its classes. */
  readonly settings: SegmentOptions;
  /** `[height, width]` of the images, where it takes those of one size alone. */
  readonly fixedSize?: readonly [number, number];
  /** What is assumed of its pictures; absent where the model or a record tells how they are prepared. */
  readonly untold?: Untold;
}

/** Classes that a map of 8 bits has room for. */
const MOST_CLASSES = 256;

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
  return loadDense(
    options.weights,
    (file) => fromFolder(file, options, wanted, check),
    async () => {
      const found = await findSegmenterWeights(options.weights, options, terminal);
      return fromCheckpoint(found, options, wanted, terminal, check);
    },
  );
}

/**
 * How to segment: sizes and windows as `--model` says, else the model, else the file's record; pixels as the model says,
 * which has learned from such; and the data set of its classes where it has as many.
 */
function settingsOf(
  name: string,
  model: tfl.LayersModel,
  { wanted, record }: Records<SegmentationWeights>,
  numClasses: number,
): Pick<LoadedSegmenter, 'settings' | 'untold'> {
  const saved = metadataOf(model, name);
  const windows = saved.inputSize ? saved : (record ?? saved);
  const { inputSize, slideStride } = wanted ?? windows;
  const { shortSide = record?.shortSide } = wanted ?? saved;
  const { statistics, ...untold } = normalizationOf(name, model, { wanted, record });
  const own = numClasses === ADE20K_CLASSES.length ? { dataset: 'ADE20K' } : {};
  return {
    settings: present({
      inputSize,
      slideStride,
      shortSide,
      ...statistics,
      ...own,
    }) as SegmentOptions,
    ...untold,
  };
}

async function fromFolder(
  file: string,
  options: SegmenterOptions,
  wanted: SegmentationWeights | undefined,
  checkClasses: CheckClasses,
): Promise<LoadedSegmenter> {
  const model = await openFolder(file, options);
  return orDispose(model, async () => {
    requireKind(file, model, 'segmenter');
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
          `${shapes(model.outputs)}; expected [null, height, width, 3] and [null, h, w, classes]`,
      );
    }
    requireRgb('segment', file, channels);
    checkClasses(numClasses);
    const names = await savedNames(file, model, numClasses);
    const { settings, untold } = settingsOf(file, model, { wanted }, numClasses);
    return {
      model,
      numClasses,
      settings: { ...settings, ...(names ? { classes: names } : {}) },
      untold,
      ...(height === null && width === null
        ? {}
        : { fixedSize: [height ?? width, width ?? height] as [number, number] }),
    };
  });
}

/** Builds the segmenter that the checkpoint holds, of whatever size, and fills it. */
async function fromCheckpoint(
  { source, record }: FoundWeights<SegmentationWeights>,
  options: SegmenterOptions,
  wanted: SegmentationWeights | undefined,
  terminal: Terminal,
  checkClasses: CheckClasses,
): Promise<LoadedSegmenter> {
  const name = shownSource(source);
  const found = await findNetwork(source, options, terminal, (part) => {
    const { segmenter, prefix } = segmenterIn(part, name);
    return { network: segmenter, prefix };
  });
  const { network } = found;
  requireRgb('segment', name, network.inputChannels);
  if (wanted) requireSame(name, network, wanted);
  checkClasses(network.numClasses);
  const { columns, channels, depths, kernelSize, patchSize, topFusion } = network;
  const { headChannels, poolScales } = network;
  const { numClasses = network.numClasses, seed = 0 } = options.training ?? {};
  const model = withSeededRandom(seed, () =>
    createModel('upernet_revcol_tiny.ade20k_512', {
      columns,
      kernelSize,
      patchSize,
      topFusion,
      numClasses,
      headChannels,
      poolScales,
      auxiliaryHead: options.training !== undefined,
      channels: [...channels],
      depths: [...depths],
    }),
  );
  return orDispose(model, async () => {
    const head = numClasses === network.numClasses ? 'load' : 'skip';
    const filling = { ...options, head, supervision: 'skip' } as const;
    const report = await fillFrom(model, source, found, filling, terminal);
    const labels = head === 'load' ? labelsIn(report, numClasses, name, terminal) : {};
    const { settings, untold } = settingsOf(name, model, { wanted, record }, numClasses);
    return { model, numClasses, settings: { ...settings, ...labels }, untold };
  });
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
