/** `tfjs-revcol plan`: what a training step takes, and what fits. */
import os from 'node:os';
import { type Command, Option } from 'commander';

import { type MemoryPlan, memoryPlan, type MemoryPlanOptions } from '../plan/memory_plan';
import { FUSED_OPTIMIZERS, OPTIMIZERS, type PlannedOptimizer } from '../plan/optimizers';
import type { ModelName } from '../registry/names';
import { integer } from './base/options';
import type { Terminal } from './base/terminal';
import { bytesText, millionsText, table } from './base/text';

/** How weights are trained. */
interface Way {
  optimizer: PlannedOptimizer;
  fused?: boolean;
  /** Rank of adapters; absent where all weights are trained. */
  adapters?: number;
}

interface PlanArguments extends Way {
  batch: number;
  backend: NonNullable<MemoryPlanOptions['backend']>;
  stored?: boolean;
  columns?: number;
  inputSize?: number;
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
      new Option('-o, --optimizer <name>', 'optimizer').choices(OPTIMIZERS).default('adamw'),
    )
    .option(
      '--fused',
      'update weights in the backward pass, as the optimizer does with fused: true',
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
      integer(1),
    )
    .option('--json', 'the plan as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ tfjs-revcol plan revcol_large --batch 4 --optimizer adamw8bit --fused --backend wasm
  $ tfjs-revcol plan revcol_huge --optimizer adafactor --fused --backend tensorflow
  $ tfjs-revcol plan revcol_xlarge --adapters 8 --backend tensorflow`,
    )
    .action((name: ModelName, args: PlanArguments) => {
      const plan = planOf(name, args, args);
      terminal.out(args.json ? `${JSON.stringify(plan, null, 2)}\n` : asText(name, args, plan));
    });
}

function planOf(
  name: ModelName,
  { batch, backend, stored, columns, inputSize }: PlanArguments,
  { optimizer, fused, adapters }: Way,
): MemoryPlan {
  return memoryPlan(
    { name, ...(columns === undefined ? {} : { columns }) },
    {
      optimizer,
      fused: fused === true,
      batch,
      backend,
      side: inputSize,
      backprop: stored ? 'stored' : 'reversible',
      ...(adapters === undefined ? {} : { adapters: { rank: adapters } }),
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
      `${describe(args)}, ${args.backend}`,
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

function describe({ optimizer, fused, adapters }: Way): string {
  const name = fused ? `${optimizer}, fused` : optimizer;
  return adapters === undefined ? name : `adapters of rank ${adapters} by ${name}`;
}

/** What bounds a step, on a backend and here. */
function limits(backend: string): [what: string, bytes: number][] {
  const machine: [string, number] = ['the memory of this machine', os.totalmem()];
  return backend === 'wasm' ? [['the memory of WebAssembly', WASM_BYTES], machine] : [machine];
}

function otherWays(name: ModelName, args: PlanArguments): string[][] {
  const bound = Math.min(...limits(args.backend).map(([, bytes]) => bytes));
  return waysOn(args.backend)
    .filter((way) => describe(way) !== describe(args))
    .map((way) => {
      const { peakBytes } = planOf(name, args, way);
      return [describe(way), bytesText(peakBytes), peakBytes <= bound ? 'yes' : 'no'];
    });
}

/** Ways to choose from; only these backends have a kernel for moments of eight bits. */
function waysOn(backend: string): Way[] {
  const hasBytes = backend === 'wasm' || backend === 'tensorflow';
  const fused = FUSED_OPTIMIZERS.filter((optimizer) => optimizer !== 'adamw8bit' || hasBytes);
  return [
    { optimizer: 'adamw' },
    { optimizer: 'adamw', adapters: 8 },
    ...fused.map((optimizer) => ({ optimizer, fused: true })),
  ];
}
