/** `tfjs-revcol plan`: what a training step takes, and what fits. */
import os from 'node:os';
import { type Command, Option } from 'commander';

import { type MemoryPlan, memoryPlan, type MemoryPlanOptions } from '../plan/memory_plan';
import { OPTIMIZERS, type PlannedOptimizer } from '../plan/optimizers';
import type { ModelName } from '../registry/names';
import { integer } from './options';
import type { Terminal } from './terminal';
import { bytesText, millionsText, table } from './text';

interface PlanArguments {
  batch: number;
  optimizer: PlannedOptimizer;
  backend: NonNullable<MemoryPlanOptions['backend']>;
  stored?: boolean;
  columns?: number;
  inputSize?: number;
  adapters?: number;
  json?: boolean;
}

const BACKENDS = ['wasm', 'tensorflow', 'cpu', 'webgl', 'webgpu'];

/** What a module of WebAssembly can address. */
const WASM_BYTES = 2 ** 32;

export function addPlanCommand(program: Command, terminal: Terminal): void {
  program
    .command('plan')
    .description('tell what memory a training step takes, without taking any')
    .argument('[model]', 'a name from tfjs-revcol models', 'revcol_tiny')
    .option('--batch <count>', 'images in a step', integer(1), 1)
    .addOption(
      new Option('-o, --optimizer <name>', 'optimizer')
        .choices(Object.keys(OPTIMIZERS))
        .default('adamw'),
    )
    .addOption(
      new Option('-b, --backend <name>', 'tfjs backend, which need not be installed')
        .choices(BACKENDS)
        .default('wasm'),
    )
    .option('--adapters <rank>', 'train adapters of this rank alone', integer(1))
    .option('--stored', 'store activations, as tfjs does, in place of recomputing them')
    .option('--columns <count>', 'number of columns', integer(1))
    .option(
      '--input-size <pixels>',
      "side of the square input; default: the size's own",
      integer(32),
    )
    .option('--json', 'the plan as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ tfjs-revcol plan revcol_large --batch 4 --optimizer adamw --backend wasm
  $ tfjs-revcol plan revcol_xlarge --adapters 8 --backend tensorflow`,
    )
    .action((name: ModelName, args: PlanArguments) => {
      const plan = planOf(name, args, args.optimizer, args.adapters);
      terminal.out(args.json ? `${JSON.stringify(plan, null, 2)}\n` : asText(name, args, plan));
    });
}

function planOf(
  name: ModelName,
  { batch, backend, stored, columns, inputSize }: PlanArguments,
  optimizer: PlannedOptimizer,
  rank?: number,
): MemoryPlan {
  return memoryPlan(
    { name, ...(columns === undefined ? {} : { columns }) },
    {
      optimizer,
      batch,
      backend,
      side: inputSize,
      backprop: stored ? 'stored' : 'reversible',
      ...(rank === undefined ? {} : { adapters: { rank } }),
    },
  );
}

function asText(name: ModelName, args: PlanArguments, plan: MemoryPlan): string {
  const { weights, gradients, moments, anchors, activations, workspace } = plan;
  const parts = { weights, gradients, moments, anchors, activations, workspace };
  const rows = Object.entries(parts).map(([part, bytes]) => [part, bytesText(bytes)]);
  const trained = millionsText(plan.trainedParameters);
  return [
    `${name}, ${millionsText(plan.parameters)} parameters, ${trained} of them trained; batch ${args.batch}, ` +
      `${describe(args.optimizer, args.adapters)}, ${args.backend}`,
    '',
    table(['at the peak of a step', ''], [...rows, ['together', bytesText(plan.peakBytes)]]),
    '',
    ...limits(args.backend).map(
      ([what, bytes]) =>
        `${plan.peakBytes <= bytes ? 'fits' : 'does not fit'} ${what}, ${bytesText(bytes)}`,
    ),
    '',
    table(['other ways', 'peak', 'fits'], otherWays(name, args)),
    '',
  ].join('\n');
}

function describe(optimizer: PlannedOptimizer, rank: number | undefined): string {
  return rank === undefined ? optimizer : `adapters of rank ${rank} by ${optimizer}`;
}

/** What bounds a step, on a backend and here. */
function limits(backend: string): [what: string, bytes: number][] {
  const machine: [string, number] = ['the memory of this machine', os.totalmem()];
  return backend === 'wasm' ? [['the memory of WebAssembly', WASM_BYTES], machine] : [machine];
}

function otherWays(name: ModelName, args: PlanArguments): string[][] {
  const ways: [PlannedOptimizer, number?][] = [['sgd'], ['momentum'], ['adamw'], ['adamw', 8]];
  const bound = Math.min(...limits(args.backend).map(([, bytes]) => bytes));
  return ways
    .filter(([optimizer, rank]) => optimizer !== args.optimizer || rank !== args.adapters)
    .map(([optimizer, rank]) => {
      const { peakBytes } = planOf(name, args, optimizer, rank);
      return [describe(optimizer, rank), bytesText(peakBytes), peakBytes <= bound ? 'yes' : 'no'];
    });
}
