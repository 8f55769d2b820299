/** The commands of `npm run bench`. */
import * as path from 'node:path';
import { Command, Option } from 'commander';

import { type ContestOptions as Settings, holdContest } from './contest';
import {
  type Backend,
  BACKENDS,
  type Entrant,
  entrants,
  pageEntrants,
  PEERS,
  ROOT,
} from './contestants';
import { describeMachine, describeSource } from './machine';
import {
  addCommonOptions,
  addImageOptions,
  addOperationOptions,
  addPageOptions,
  addSegmenterOptions,
  addTokenOptions,
  type CommonOptions,
  type ContestOptions,
  type ImageOptions,
  imageWorkloads,
  type PageOptions,
  type SegmenterOptions,
  segmenterWorkloads,
  type TokenOptions,
  tokenWorkloads,
} from './options';
import { pictureTable } from './picture_results';
import { contestTable, startTable } from './print';
import { type Contest, type ResultFile, SCHEMA, writeResult } from './results';
import { START_NAMES, type StartName, timeStarts } from './startup';
import type { OperationsWorkload, Pass, Workload } from './workload';

/** Where a command writes. */
export interface Output {
  /** Results. */
  out: (text: string) => void;
  /** What is going on. */
  progress: (line: string) => void;
}

interface OperationOptions {
  operations: string[];
  batch: number[];
  side: number[];
  channels: number[];
}

/** Everything of a file of results but the figures. */
function frame(args: readonly string[]): Omit<ResultFile, 'contests' | 'complete'> {
  return {
    schema: SCHEMA,
    command: ['npm run bench --', ...args].join(' '),
    date: new Date().toISOString(),
    machine: describeMachine(),
    source: describeSource(ROOT),
  };
}

/** The arguments that matter: where the result goes does not. */
function withoutJson(args: readonly string[]): string[] {
  const at = args.indexOf('--json');
  return at < 0 ? [...args] : args.filter((_, i) => i !== at && i !== at + 1);
}

async function holdAll(
  workloads: readonly Workload[],
  options: CommonOptions,
  args: readonly string[],
  turns: boolean,
  output: Output,
): Promise<void> {
  const { backend: backends, ...wanted } = options;
  const fieldOf = (workload: Workload) => entrants({ backends, ...wanted }, workload);
  await holdEach(workloads, fieldOf, options, args, turns, output);
}

async function holdEach(
  workloads: readonly Workload[],
  fieldOf: (workload: Workload) => Entrant[],
  options: ContestOptions,
  args: readonly string[],
  turns: boolean,
  { out, progress }: Output,
): Promise<void> {
  const { rounds, warmUps, check } = options;
  const settings: Settings = { rounds, warmUps, check, turns, say: progress };
  const contests: Contest[] = [];
  for (const workload of workloads) {
    const field = fieldOf(workload);
    if (field.length === 0) throw new Error('no contestant is left: give --backend or --peers');
    const contest = await holdContest(field, workload, settings);
    contests.push(contest);
    out(`${contestTable(contest)}\n\n`);
    // After every contest, so that one that is cut off has what it had.
    if (options.json) {
      const complete = contests.length === workloads.length;
      writeResult(path.resolve(options.json), { ...frame(withoutJson(args)), complete, contests });
    }
  }
  const failed = contests.flatMap(({ outcomes }) =>
    outcomes.flatMap(({ name, state }) => (state === 'failed' ? [name] : [])),
  );
  if (failed.length > 0) throw new Error(`failed: ${[...new Set(failed)].join(', ')}`);
}

/**
 * The commands that measure, for arguments as on the command line.
 *
 * @param args what was given, to be written into results
 */
export function measuringCommands(args: readonly string[], output: Output): Command[] {
  const network = (name: string, description: string) => new Command(name).description(description);
  const speed = { rounds: 7, warmUps: 2, peers: [...PEERS] };
  const forward = addImageOptions(
    addCommonOptions(network('forward', 'time a forward pass of an image network'), {
      ...speed,
      variants: ['reversible', 'stock'],
    }),
    [1],
  ).action(async (options: CommonOptions & ImageOptions) =>
    holdAll(imageWorkloads(options, 'forward'), options, args, true, output),
  );
  const train = addImageOptions(
    addCommonOptions(network('train', 'time a training step of an image network'), {
      ...speed,
      rounds: 5,
      variants: ['reversible', 'stored', 'stock'],
    }),
    [2],
  ).action(async (options: CommonOptions & ImageOptions) =>
    holdAll(imageWorkloads(options, 'step'), options, args, true, output),
  );
  const memory = addImageOptions(
    addCommonOptions(
      network('memory', 'memory of a training step of an image network, each contestant alone'),
      { rounds: 0, warmUps: 0, peers: [], variants: ['reversible', 'stored'] },
    ),
    [2],
  ).action(async (options: CommonOptions & ImageOptions) =>
    holdAll(imageWorkloads(options, 'step'), { ...options, check: false }, args, false, output),
  );
  const segmenter = addSegmenterOptions(
    addCommonOptions(network('segmenter', 'time a forward pass of a UPerNet'), {
      ...speed,
      variants: ['reversible', 'plain'],
    }),
  ).action(async (options: CommonOptions & SegmenterOptions) =>
    holdAll(segmenterWorkloads(options), options, args, true, output),
  );
  const tokens = addTokenOptions(
    addCommonOptions(network('tokens', 'time a training step of a causal transformer'), {
      ...speed,
      rounds: 3,
      warmUps: 1,
      variants: ['reversible', 'stored'],
    }),
  )
    .addOption(
      new Option('--pass <name>', 'what is timed').choices(['forward', 'step']).default('step'),
    )
    .option('--alone', 'each contestant by itself and unchecked, for memory')
    .action(async (options: CommonOptions & TokenOptions & { pass: Pass; alone?: boolean }) => {
      const alone = options.alone ?? false;
      const settings = alone ? { ...options, check: false } : options;
      await holdAll(tokenWorkloads(options, options.pass), settings, args, !alone, output);
    });
  const ops = addOperationOptions(
    addCommonOptions(network('ops', 'time single operations and their gradients'), {
      ...speed,
      variants: ['reversible', 'stock'],
      peers: ['pytorch'],
    }),
  ).action(async (options: CommonOptions & OperationOptions) => {
    const { operations, batch, side, channels } = options;
    const workloads = batch.flatMap((b) =>
      side.flatMap((extent) =>
        channels.map((c): OperationsWorkload => ({ operations, batch: b, extent, channels: c })),
      ),
    );
    await holdAll(workloads, options, args, true, output);
  });
  return [
    forward,
    train,
    memory,
    segmenter,
    tokens,
    ops,
    pageCommand(args, output),
    startupCommand(args, output),
    imagesCommand(args, output),
  ];
}

function pageCommand(args: readonly string[], output: Output): Command {
  const command = new Command('browser').description(
    'time and count a training step of an image network in pages of Chromium',
  );
  return addImageOptions(
    addPageOptions(command, { rounds: 5, warmUps: 2, variants: ['reversible', 'stored'] }),
    [2],
  ).action(async (options: PageOptions & ImageOptions) => {
    const { backend, variants, alone = false } = options;
    const settings = alone ? { ...options, check: false } : options;
    const field = () => pageEntrants(backend, variants);
    await holdEach(imageWorkloads(options, 'step'), field, settings, args, !alone, output);
  });
}

function startupCommand(args: readonly string[], { out, progress }: Output): Command {
  return new Command('startup')
    .description('time a start, from the process to the first result; needs npm run build')
    .option('--rounds <count>', 'starts of each contestant', Number, 5)
    .option(
      '--contestants <names>',
      START_NAMES.join(', '),
      (text: string) => text.split(',') as StartName[],
      [...START_NAMES],
    )
    .option('--json <file>', 'write the result there')
    .action(async (options: { rounds: number; contestants: StartName[]; json?: string }) => {
      const starts = await timeStarts(options.contestants, options.rounds, progress);
      out(`${startTable(starts)}\n\n`);
      if (options.json) {
        const result = { ...frame(withoutJson(args)), complete: true, contests: [], starts };
        writeResult(path.resolve(options.json), result);
      }
      const failed = starts.find((start) => 'state' in start && start.state === 'failed');
      if (failed) throw new Error(`failed: ${failed.name}`);
    });
}

function imagesCommand(args: readonly string[], { out, progress }: Output): Command {
  return new Command('images')
    .description('time pictures from a file to model input, beside a training step')
    .addOption(
      new Option('--backend <name>', 'of the training step').choices(BACKENDS).default('wasm'),
    )
    .option('--rounds <count>', 'runs of each program', Number, 15)
    .option('--json <file>', 'write the result there')
    .action(async (options: { backend: Backend; rounds: number; json?: string }) => {
      // With it comes all of tfjs.
      const { timePictures } = await import('./pictures');
      const pictures = [await timePictures(options.backend, options.rounds, progress)];
      out(`${pictures.map(pictureTable).join('\n\n')}\n\n`);
      if (options.json) {
        const result = { ...frame(withoutJson(args)), complete: true, contests: [], pictures };
        writeResult(path.resolve(options.json), result);
      }
    });
}
