/** The model that `segment` uses: of a checkpoint, or a tfjs model in a folder. */
import type * as tfl from '@tensorflow/tfjs-layers';

import { show } from '../../common/arguments';
import { metadataOf } from '../../common/model_metadata';
import { segmenterIn } from '../../convert/segmenter_plan';
import { createModel } from '../../models/create_model';
import type { SegmentOptions } from '../../models/segment_options';
import { ADE20K_CLASSES } from '../../registry/ade20k';
import { REVCOL_ARCHITECTURES } from '../../registry/architectures';
import type { Segmenter } from '../../registry/describe_segmenter';
import { segmentationWeights } from '../../registry/names';
import type { SegmentationWeights } from '../../registry/segmentation';
import type { Terminal } from '../base/terminal';
import { type CheckClasses, type DenseKind, loadDense, type LoadedDense } from './dense_kind';
import type { DenseOptions } from './dense_model';
import { findSegmenterWeights } from './weights_source';

/** From `[1, height, width, 3]` to logits `[1, h, w, numClasses]`. */
export interface LoadedSegmenter extends LoadedDense<SegmentOptions> {
  /** `[height, width]` of the images, where it takes those of one size alone. */
  readonly fixedSize?: readonly [number, number];
}

const SEGMENTER: DenseKind<Segmenter, SegmentationWeights, SegmentOptions> = {
  kind: 'segmenter',
  command: 'segment',
  dataset: { name: 'ADE20K', classes: ADE20K_CLASSES.length },
  labels: { classes: true, palette: true },
  supervision: 'skip',
  recordOf: segmentationWeights,
  findWeights: findSegmenterWeights,
  networkIn: (part, name) => {
    const { segmenter, prefix } = segmenterIn(part, name);
    return { network: segmenter, prefix };
  },
  requireSame,
  build: (network, numClasses, isTrained) => {
    const { columns, channels, depths, kernelSize, patchSize, topFusion } = network;
    const { headChannels, poolScales } = network;
    return createModel('upernet_revcol_tiny.ade20k_512', {
      columns,
      kernelSize,
      patchSize,
      topFusion,
      numClasses,
      headChannels,
      poolScales,
      auxiliaryHead: isTrained,
      channels: [...channels],
      depths: [...depths],
    });
  },
  classesOf,
  sizesOf: (name, model, { wanted, record }) => {
    const saved = metadataOf(model, name);
    const windows = saved.inputSize ? saved : (record ?? saved);
    const { inputSize, slideStride } = wanted ?? windows;
    const { shortSide = record?.shortSide } = wanted ?? saved;
    return { inputSize, slideStride, shortSide };
  },
};

/** Classes that a map of 8 bits has room for. */
const MOST_CLASSES = 256;

/**
 * Loads the segmenter that `--weights` names.
 *
 * @param checkClasses called with the number of classes before weights are read
 * @throws {Error} when it is no segmenter of RGB images, or cannot be found or read, or weights are not finite
 */
export async function loadSegmenter(
  options: DenseOptions,
  terminal: Terminal,
  checkClasses: CheckClasses,
): Promise<LoadedSegmenter> {
  const loaded = await loadDense(SEGMENTER, options, terminal, (count) => {
    if (count > MOST_CLASSES) {
      throw new Error(
        `the model has ${count} classes, but class maps of 8 bits have room for ${MOST_CLASSES}; use segment ` +
          'in a program',
      );
    }
    checkClasses(count);
  });
  const [height = null, width = null] = loaded.model.inputs[0]?.shape.slice(1) ?? [];
  if (height === null && width === null) return loaded;
  return { ...loaded, fixedSize: [height ?? width, width ?? height] as [number, number] };
}

function classesOf(file: string, model: tfl.LayersModel): number {
  const output = model.outputs[0]?.shape ?? [];
  const numClasses = output[3];
  if (
    model.inputs.length === 1 &&
    model.inputs[0]?.shape.length === 4 &&
    output.length === 4 &&
    numClasses != null
  ) {
    return numClasses;
  }
  const shapes = (tensors: readonly tfl.SymbolicTensor[]) =>
    tensors.map(({ shape }) => show(shape)).join(', ');
  throw new Error(
    `${file} is no segmenter of images: it takes ${shapes(model.inputs)} and gives ` +
      `${shapes(model.outputs)}; expected [null, height, width, 3] and [null, h, w, classes]`,
  );
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
