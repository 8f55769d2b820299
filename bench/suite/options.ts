/** What the commands of the suite share: options, and what they ask for. */
import * as os from 'node:os';
import { Command, InvalidArgumentError, Option } from 'commander';

import { OPERATIONS } from '../contestants/operation_inputs';
import {
  type Backend,
  BACKENDS,
  PAGE_BACKENDS,
  type PageBackend,
  type Peer,
  PEERS,
  type Variant,
  VARIANTS,
} from './contestants';
import {
  type ImageNetwork,
  imageNetwork,
  type NetworkWorkload,
  type Pass,
  segmenterNetwork,
  SIZES,
  type TokenNetwork,
} from './workload';

/** How a contest is held. */
export interface ContestOptions {
  rounds: number;
  warmUps: number;
  check: boolean;
  json?: string;
}

/** Options of every command that runs contestants in Node. */
export interface CommonOptions extends ContestOptions {
  backend: Backend[];
  variants: Variant[];
  peers: Peer[];
  threads: number;
}

/** Options of the command that runs them in pages. */
export interface PageOptions extends ContestOptions {
  backend: PageBackend[];
  variants: Variant[];
  alone?: boolean;
}

export interface ImageOptions {
  size: string;
  columns?: number[];
  batch: number[];
  side: number[];
  widthFactor: number[];
}

export interface SegmenterOptions extends ImageOptions {
  headChannels: number;
  classes: number;
}

export interface TokenOptions {
  columns?: number[];
  batch: number[];
  length: number[];
  width: number[];
  heads: number;
  levels: number;
  depth: number;
  vocabulary: number;
}

function positive(text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('expected a number above 0.');
}

function whole(text: string): number {
  const value = positive(text);
  if (Number.isInteger(value)) return value;
  throw new InvalidArgumentError('expected a whole number of at least 1.');
}

function count(text: string): number {
  return text === '0' ? 0 : whole(text);
}

const listOf =
  <T>(parse: (text: string) => T) =>
  (text: string): T[] =>
    text.split(',').map(parse);

/** Some of the given names, `all` or `none`. */
function namesOf<T extends string>(known: readonly T[]): (text: string) => T[] {
  return (text) => {
    if (text === 'all') return [...known];
    if (text === 'none') return [];
    return text.split(',').map((name) => {
      if ((known as readonly string[]).includes(name)) return name as T;
      throw new InvalidArgumentError(`expected all, none or some of ${known.join(', ')}.`);
    });
  };
}

/** What a command measures unless told otherwise. */
export interface Defaults {
  variants: Variant[];
  rounds: number;
  warmUps: number;
  peers: Peer[];
}

export function addCommonOptions(command: Command, defaults: Defaults): Command {
  return addContestOptions(command, defaults)
    .option('--backend <names>', 'tfjs backends', namesOf(BACKENDS), ['tensorflow', 'wasm'])
    .option('--variants <names>', VARIANTS.join(', '), namesOf(VARIANTS), defaults.variants)
    .option('--peers <names>', `${PEERS.join(', ')}, all, none`, namesOf(PEERS), defaults.peers)
    .option('--threads <count>', 'of each contestant', whole, os.availableParallelism());
}

function addContestOptions(
  command: Command,
  { rounds, warmUps }: Pick<ContestOptions, 'rounds' | 'warmUps'>,
): Command {
  return command
    .option('--rounds <count>', 'timed runs of each contestant', count, rounds)
    .option('--warm-ups <count>', 'runs before those', count, warmUps)
    .option('--no-check', 'do not compare outputs first; ONNX needs the comparison')
    .option('--json <file>', 'write the result there');
}

/** Options of contests in pages, which have neither peers nor threads to choose. */
export function addPageOptions(
  command: Command,
  defaults: Pick<PageOptions, 'rounds' | 'warmUps' | 'variants'>,
): Command {
  return addContestOptions(command, defaults)
    .option('--backend <names>', PAGE_BACKENDS.join(', '), namesOf(PAGE_BACKENDS), [
      ...PAGE_BACKENDS,
    ])
    .option('--variants <names>', VARIANTS.join(', '), namesOf(VARIANTS), defaults.variants)
    .option('--alone', 'each contestant by itself and unchecked, for memory');
}

export function addImageOptions(command: Command, batch: number[], side = 224): Command {
  return command
    .addOption(new Option('--size <name>', 'network').choices(SIZES).default('tiny'))
    .option('--columns <counts>', "instead of the size's own", listOf(whole))
    .option('--batch <sizes>', 'images of a batch', listOf(whole), batch)
    .option('--side <pixels>', 'of the square images', listOf(whole), [side])
    .option('--width-factor <factors>', 'of all channels', listOf(positive), [1]);
}

export function addSegmenterOptions(command: Command): Command {
  return addImageOptions(command, [1], 512)
    .option('--head-channels <count>', 'within the head', whole, 512)
    .option('--classes <count>', 'to tell apart', whole, 150);
}

export function addTokenOptions(command: Command): Command {
  return command
    .option('--columns <counts>', 'columns', listOf(whole), [8])
    .option('--batch <sizes>', 'sequences of a batch', listOf(whole), [8])
    .option('--length <tokens>', 'of a sequence', listOf(whole), [512])
    .option('--width <channels>', 'of all levels', listOf(whole), [256])
    .option('--heads <count>', 'of every attention', whole, 4)
    .option('--levels <count>', 'of a column', whole, 4)
    .option('--depth <count>', 'blocks of a level', whole, 1)
    .option('--vocabulary <size>', 'tokens to tell apart', whole, 256);
}

export function addOperationOptions(command: Command): Command {
  return command
    .option('--operations <names>', OPERATIONS.join(', '), namesOf(OPERATIONS), OPERATIONS)
    .option('--batch <sizes>', 'images of a batch', listOf(whole), [8])
    .option('--side <pixels>', 'of the square images', listOf(whole), [28])
    .option('--channels <counts>', 'of the images', listOf(whole), [128]);
}

/** Every combination of the lists that the options hold. */
export function imageWorkloads(options: ImageOptions, pass: Pass): NetworkWorkload[] {
  const { size, columns, batch, side, widthFactor } = options;
  return (columns ?? [undefined]).flatMap((c) =>
    widthFactor.flatMap((factor) =>
      side.flatMap((extent) =>
        batch.map((b) => ({ network: imageNetwork(size, c, factor), pass, batch: b, extent })),
      ),
    ),
  );
}

export function segmenterWorkloads(options: SegmenterOptions): NetworkWorkload[] {
  const { headChannels, classes } = options;
  return imageWorkloads(options, 'forward').map((workload) => ({
    ...workload,
    network: segmenterNetwork(workload.network as ImageNetwork, headChannels, classes),
  }));
}

export function tokenWorkloads(options: TokenOptions, pass: Pass): NetworkWorkload[] {
  const { columns = [8], batch, length, width, ...rest } = options;
  return columns.flatMap((c) =>
    width.flatMap((w) =>
      length.flatMap((extent) =>
        batch.map((b) => ({ network: tokenNetwork(rest, c, w), pass, batch: b, extent })),
      ),
    ),
  );
}

function tokenNetwork(
  { heads, levels, depth, vocabulary }: Omit<TokenOptions, 'batch' | 'length' | 'width'>,
  columns: number,
  width: number,
): TokenNetwork {
  if (width % heads !== 0) {
    throw new Error(`width ${width} does not divide by ${heads} heads; give another --heads`);
  }
  return { kind: 'tokens', columns, levels, depth, width, heads, vocabulary };
}
