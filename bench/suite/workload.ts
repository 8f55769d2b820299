/** What contestants compute: a network, what it is fed, and what is timed. */
import { type ConvNextArchitecture, REVCOL_ARCHITECTURES } from '../../src/registry/architectures';

/** RevCol over images, as `createModel` builds it. */
export interface ImageNetwork {
  kind: 'image';
  columns: number;
  channels: number[];
  depths: number[];
  patchSize: number;
  kernelSize: number;
  inputChannels: number;
  classes: number;
}

/** A UPerNet on RevCol, as `createModel` builds it: logits of every fourth pixel, without the auxiliary head. */
export interface SegmenterNetwork extends Omit<ImageNetwork, 'kind'> {
  kind: 'segmenter';
  /** Channels within the head. */
  headChannels: number;
}

/** Causal RevCol over tokens: levels of one width, each with `depth` transformer blocks. */
export interface TokenNetwork {
  kind: 'tokens';
  columns: number;
  levels: number;
  depth: number;
  width: number;
  heads: number;
  vocabulary: number;
}

export type Network = ImageNetwork | SegmenterNetwork | TokenNetwork;

/** One pass without gradients, or one training step of plain gradient descent. */
export type Pass = 'forward' | 'step';

/** A network on a batch. */
export interface NetworkWorkload {
  network: Network;
  pass: Pass;
  batch: number;
  /** Side of the square images in pixels, or the number of tokens of a sequence. */
  extent: number;
}

/** Single operations with their gradients, on images of a side that a batch holds. */
export interface OperationsWorkload {
  operations: string[];
  batch: number;
  extent: number;
  channels: number;
}

export type Workload = NetworkWorkload | OperationsWorkload;

/** A learning rate that makes an update as large as the gradient, so that it can be compared. */
export const CHECK_RATE = 1;

/** Rate of the steps that are timed: they must go on, not learn. */
export const TIMED_RATE = 1e-4;

/** Classes of the images that networks of published sizes tell apart. */
const CLASSES = 1000;

/** The network of the digits example besides the published sizes. */
const DIGITS = {
  columns: 2,
  channels: [16, 32, 64],
  depths: [1, 1, 1],
  patchSize: 2,
  kernelSize: 5,
  inputChannels: 1,
  classes: 10,
} as const;

/** Names of sizes that {@link imageNetwork} knows. */
export const SIZES = [
  ...Object.keys(REVCOL_ARCHITECTURES).map((name) => name.replace('revcol_', '')),
  'digits',
];

/**
 * A network of a published size, or of the digits example.
 *
 * @param size `'tiny'`, ..., `'huge'`, `'digits'`
 * @param columns in place of the size's own
 * @param width factor of all channels
 * @throws {Error} when there is no such size
 */
export function imageNetwork(size: string, columns?: number, width = 1): ImageNetwork {
  const published: Record<string, ConvNextArchitecture> = REVCOL_ARCHITECTURES;
  const found = size === 'digits' ? DIGITS : published[`revcol_${size}`];
  if (!found) throw new Error(`there is no size ${size}; expected one of ${SIZES.join(', ')}`);
  const { inputChannels, classes } = { inputChannels: 3, classes: CLASSES, ...found };
  return {
    kind: 'image',
    columns: columns ?? found.columns,
    channels: found.channels.map((c) => Math.round(c * width)),
    depths: [...found.depths],
    patchSize: found.patchSize,
    kernelSize: found.kernelSize,
    inputChannels,
    classes,
  };
}

/** A UPerNet on such a network. */
export function segmenterNetwork(
  backbone: ImageNetwork,
  headChannels: number,
  classes: number,
): SegmenterNetwork {
  return { ...backbone, kind: 'segmenter', headChannels, classes };
}

/** Whether single operations are timed, not a network. */
export function isOperations(workload: Workload): workload is OperationsWorkload {
  return 'operations' in workload;
}

/** The workload in words, as tables and headings show it. */
export function describeWorkload(workload: Workload): string {
  if (isOperations(workload)) {
    const { batch, extent, channels } = workload;
    return `operations on [${batch}, ${extent}, ${extent}, ${channels}]`;
  }
  const { network, pass, batch, extent } = workload;
  const what = pass === 'step' ? 'training step' : 'forward';
  if (network.kind === 'tokens') {
    const { columns, levels, depth, width, heads } = network;
    return (
      `${what}, causal transformer of width ${width}, ${heads} heads, ${columns} columns of ` +
      `${levels} levels with ${depth} block${depth === 1 ? '' : 's'}, length ${extent}, batch ${batch}`
    );
  }
  const head =
    network.kind === 'segmenter'
      ? `UPerNet of ${network.headChannels} channels and ${network.classes} classes on `
      : '';
  return (
    `${what}, ${head}RevCol of ${network.columns} columns, channels ${network.channels.join(' ')}, depths ` +
    `${network.depths.join(' ')}, ${extent} x ${extent}, batch ${batch}`
  );
}
