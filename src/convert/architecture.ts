/** Which RevCol a checkpoint holds, read off its names and shapes. */
import { requireArgument } from '../common/arguments';
import {
  type ConvNextArchitecture,
  type ModelSizeName,
  REVCOL_ARCHITECTURES,
} from '../registry/architectures';
import type { CheckpointEntry } from '../weights/checkpoint';
import { CheckpointError } from '../weights/errors';
import {
  findPrefix,
  isAuxiliaryHead,
  isDetectorPart,
  isSegmentationHead,
  withoutPrefix,
} from '../weights/names/published_names';

/** What a checkpoint's tensors tell of a segmenter's heads. */
export interface SegmentationHeads {
  /** A UPerNet's, or of another kind. */
  head: 'upernet' | 'other';
  numClasses?: number;
  /** Channels within the decode head. */
  headChannels?: number;
  /** How many grids a UPerNet's head pools the top level to; no tensor tells their sides. */
  poolings: number;
  /** Whether there is the auxiliary head of training. */
  auxiliaryHead: boolean;
}

/** What a checkpoint's tensors tell of a detector's parts beside its backbone. */
export interface DetectorTensors {
  /** Classes, without the background. */
  numClasses?: number;
  /** Channels of the feature pyramid. */
  pyramidChannels?: number;
  /** Channels of the hidden layer of each box head. */
  hiddenChannels?: number;
  /** Anchors at each place; no tensor tells their sizes. */
  anchors?: number;
  /** Heads of the cascade; no tensor tells by what their deltas are multiplied. */
  heads: number;
  /** Whether each has a mask head. */
  hasMasks: boolean;
}

/** What a checkpoint's tensors tell of the model. */
export interface Architecture extends ConvNextArchitecture {
  /** Channels of the input image. */
  inputChannels: number;
  /** The published size with these numbers, if there is one. */
  size?: ModelSizeName;
  /** Classes of the last classifier; undefined for a backbone without one. */
  numClasses?: number;
  /** Whether there are classifiers and image decoders of intermediate supervision. */
  supervised: boolean;
  /** The heads of a segmenter; undefined where there are none. */
  segmentation?: SegmentationHeads;
  /** The parts of a detector; undefined where there are none. */
  detection?: DetectorTensors;
  /** What stands before every published name in the file, e.g. `module.`. */
  prefix: string;
}

type Shapes = ReadonlyMap<string, readonly number[]>;

/** Numbers 0, 1, ... for which `nameOf` is in the file. */
function countOf(shapes: Shapes, nameOf: (index: number) => string): number {
  let count = 0;
  while (shapes.has(nameOf(count))) count++;
  return count;
}

/**
 * Reads the architecture off a checkpoint in the published names.
 *
 * @throws {CheckpointError} 'mismatch' when the tensors are not those of one RevCol
 */
export function architectureOf(entries: ReadonlyMap<string, CheckpointEntry>): Architecture {
  const fits = typeof entries?.keys === 'function' && typeof entries.get === 'function';
  requireArgument('architectureOf', 'entries', entries, fits, 'the entries of an open checkpoint');
  const names = [...entries.keys()];
  const prefix = findPrefix(names);
  const shapes = new Map<string, readonly number[]>();
  for (const [published, inFile] of withoutPrefix(names, prefix)) {
    shapes.set(published, entries.get(inFile)?.shape ?? []);
  }
  const embeddings = names.find((name) => /(^|\/)stem\/embeddings$/.test(name));
  if (embeddings !== undefined && !shapes.has('stem.0.weight')) throw ofTexts(embeddings);
  const [, inputChannels, patchSize] = require4d(shapes, 'stem.0.weight');
  const levels = countOf(shapes, (level) => `subnet0.alpha${level}`);
  const columns = countOf(shapes, (column) => `subnet${column}.alpha0`);
  if (levels < 2 || columns === 0) throw notRevCol(`found ${columns} columns of ${levels} levels`);
  const levelNumbers = Array.from({ length: levels }, (_, level) => level);
  const channels = levelNumbers.map((level) => require4d(shapes, `subnet0.alpha${level}`)[1]);
  const block = (level: number) => (index: number) =>
    `subnet0.level${level}.blocks.${index}.dwconv.weight`;
  const depths = levelNumbers.map((level) => countOf(shapes, block(level)));
  const withBlocks = depths.findIndex((depth) => depth > 0);
  const classifiers = countOf(shapes, (index) => `cls_blocks.${index}.classifier.1.bias`);
  const head = classifiers > 0 ? `cls_blocks.${classifiers - 1}` : 'cls';
  const found = {
    channels,
    depths,
    columns,
    kernelSize: withBlocks < 0 ? 3 : require4d(shapes, block(withBlocks)(0))[3],
    patchSize,
    topFusion: shapes.has('subnet1.level0.fusion.up2.channel_reschedule.0.weight'),
    inputChannels,
  };
  return {
    ...found,
    size: (Object.keys(REVCOL_ARCHITECTURES) as ModelSizeName[]).find((name) =>
      sameArchitecture(REVCOL_ARCHITECTURES[name], found),
    ),
    numClasses: shapes.get(`${head}.classifier.1.bias`)?.[0],
    supervised: classifiers > 0,
    segmentation: headsOf(shapes),
    detection: detectorOf(shapes),
    prefix,
  };
}

function headsOf(shapes: Shapes): SegmentationHeads | undefined {
  const heads = [...shapes.keys()].filter(isSegmentationHead);
  if (heads.length === 0) return undefined;
  const poolings = countOf(shapes, (index) => `decode_head.psp_modules.${index}.1.conv.weight`);
  const hasPyramid = shapes.has('decode_head.fpn_bottleneck.conv.weight');
  const [numClasses, headChannels] = shapes.get('decode_head.conv_seg.weight') ?? [];
  return {
    head: poolings > 0 && hasPyramid ? 'upernet' : 'other',
    numClasses,
    headChannels,
    poolings,
    auxiliaryHead: heads.some(isAuxiliaryHead),
  };
}

function detectorOf(shapes: Shapes): DetectorTensors | undefined {
  if (![...shapes.keys()].some(isDetectorPart)) return undefined;
  const heads = countOf(shapes, (index) => `roi_head.bbox_head.${index}.fc_cls.weight`);
  const masks = countOf(shapes, (index) => `roi_head.mask_head.${index}.conv_logits.weight`);
  const [rows, hiddenChannels] = shapes.get('roi_head.bbox_head.0.fc_cls.weight') ?? [];
  return {
    numClasses: rows === undefined ? undefined : rows - 1,
    pyramidChannels: shapes.get('neck.lateral_convs.0.conv.weight')?.[0],
    hiddenChannels,
    anchors: shapes.get('rpn_head.rpn_cls.weight')?.[0],
    heads,
    hasMasks: heads > 0 && masks === heads,
  };
}

function sameArchitecture(a: ConvNextArchitecture, b: ConvNextArchitecture): boolean {
  return (
    a.channels.join() === b.channels.join() &&
    a.depths.join() === b.depths.join() &&
    a.columns === b.columns &&
    a.kernelSize === b.kernelSize &&
    a.patchSize === b.patchSize &&
    a.topFusion === b.topFusion
  );
}

function require4d(shapes: Shapes, name: string): [number, number, number, number] {
  const shape = shapes.get(name);
  // A dimension of 0 would let a file of no bytes claim any size in the others.
  if (shape?.length !== 4 || shape.includes(0)) {
    throw notRevCol(`${name} is ${shape ? `[${shape.join(', ')}]` : 'missing'}`);
  }
  return shape as unknown as [number, number, number, number];
}

function ofTexts(embeddings: string): CheckpointError {
  return new CheckpointError(
    'mismatch',
    `the tensors are those of a model of texts (${embeddings}); expected one of images, with stem.0.weight ` +
      'and subnet0.alpha0. In a program loadCheckpoint fills the model that it was saved from',
  );
}

function notRevCol(why: string): CheckpointError {
  return new CheckpointError(
    'mismatch',
    `the tensors are not those of a RevCol with the published names (${why}); expected ` +
      'stem.0.weight, subnet0.alpha0, ...',
  );
}
