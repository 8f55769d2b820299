/**
 * The results that are kept, in the order of their worth, and how each is measured. What
 * docs/benchmarks.md says is made from them.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';

import { ROOT } from './contestants';
import { describeMachine, describeSource } from './machine';
import { readResult, type ResultFile } from './results';
import { othersShare } from './statistics';

/** One file of results. */
export interface PlanEntry {
  /** Of the file in `bench/results`, without `.json`. */
  name: string;
  /** Whether its times count; memory is exact on a busy machine as well. */
  timed: boolean;
  /** As on the command line. */
  args: string;
  /** What it takes that this machine or its Node lacks, and the command for there; `baseline` leaves it alone. */
  elsewhere?: { needs: string; command: string };
}

/** Small networks on wasm, whose times follow from their arithmetic and little else. */
const GROWING_IMAGES =
  'train --backend wasm --variants reversible,stored --peers none --no-check --width-factor 0.25';
const GROWING_TOKENS =
  'tokens --backend wasm --variants reversible,stored --peers none --no-check --heads 4';
/** Networks that a page trains without a GPU in bearable time. */
const IN_PAGES = '--batch 2 --side 64 --width-factor 0.5';
const ONCE = '--rounds 3 --warm-ups 1';
const RELAXED =
  'forward --batch 1 --backend wasm --variants reversible --peers onnxruntime-web --threads 1 --rounds 9';

export const PLAN: readonly PlanEntry[] = [
  { name: 'forward-1', timed: true, args: 'forward --batch 1 --rounds 9' },
  { name: 'train-2', timed: true, args: 'train --batch 2 --backend tensorflow --warm-ups 1' },
  { name: 'forward-8', timed: true, args: 'forward --batch 8 --rounds 5 --warm-ups 1' },
  {
    name: 'train-8',
    timed: true,
    args: 'train --batch 8 --backend tensorflow --variants reversible,stored --warm-ups 1',
  },
  {
    name: 'plain-forward',
    timed: true,
    args: 'forward --batch 1,8 --backend tensorflow --variants plain,reversible --peers none --warm-ups 1',
  },
  {
    name: 'plain-train',
    timed: true,
    args: 'train --batch 2,8 --backend tensorflow --variants plain,reversible --peers none --warm-ups 1',
  },
  { name: 'tokens', timed: true, args: 'tokens --backend tensorflow' },
  { name: 'segmenter', timed: true, args: 'segmenter --backend tensorflow' },
  {
    name: 'plain-tokens',
    timed: false,
    args: 'tokens --alone --rounds 0 --warm-ups 0 --backend tensorflow --variants plain,reversible --peers none',
  },
  { name: 'startup', timed: true, args: 'startup' },
  { name: 'images', timed: true, args: 'images' },
  {
    name: 'train-wasm',
    timed: true,
    args: 'train --batch 1 --backend wasm --peers none --rounds 3 --warm-ups 1',
  },
  {
    name: 'forward-relaxed',
    timed: true,
    args: RELAXED,
    elsewhere: {
      needs: 'Node 22, whose engine has relaxed SIMD',
      command: `npm run bench -- ${RELAXED} --json bench/results/forward-relaxed.json`,
    },
  },
  {
    name: 'threads-forward',
    timed: true,
    args: 'forward --batch 1 --backend wasm,wasm-2 --variants reversible --peers none --rounds 9',
  },
  {
    name: 'threads-train',
    timed: true,
    args: 'train --batch 1 --backend wasm,wasm-2 --variants reversible --peers none --warm-ups 1',
  },
  { name: 'operations', timed: true, args: 'ops --warm-ups 1' },
  {
    name: 'tokens-wasm',
    timed: true,
    args: 'tokens --backend wasm --variants reversible --peers none --rounds 1 --warm-ups 0',
  },
  {
    name: 'growth-columns',
    timed: true,
    args: `${GROWING_IMAGES} ${ONCE} --columns 2,4,8,16,32 --batch 4 --side 64`,
  },
  {
    name: 'growth-batch',
    timed: true,
    args: `${GROWING_IMAGES} ${ONCE} --columns 8 --batch 1,2,4,8,16 --side 64`,
  },
  {
    name: 'growth-side',
    timed: true,
    args: `${GROWING_IMAGES} ${ONCE} --columns 8 --batch 4 --side 32,64,96,128`,
  },
  {
    name: 'growth-width',
    timed: true,
    args: `${GROWING_IMAGES.replace('0.25', '0.125,0.25,0.5,1')} ${ONCE} --columns 8 --batch 4 --side 64`,
  },
  {
    name: 'growth-length',
    timed: true,
    args: `${GROWING_TOKENS} ${ONCE} --columns 8 --batch 4 --width 64 --length 64,128,256,512`,
  },
  {
    name: 'growth-token-columns',
    timed: true,
    args: `${GROWING_TOKENS} ${ONCE} --columns 2,4,8,16,32 --batch 4 --width 64 --length 128`,
  },
  {
    name: 'growth-token-width',
    timed: true,
    args: `${GROWING_TOKENS} ${ONCE} --columns 8 --batch 4 --width 32,64,128,256 --length 128`,
  },
  {
    name: 'memory-stock',
    timed: false,
    args: 'memory --backend tensorflow --batch 8 --columns 4 --variants stock',
  },
  {
    name: 'memory-tensorflow',
    timed: false,
    args: 'memory --backend tensorflow --batch 8 --columns 4,8,16',
  },
  {
    name: 'memory-wasm-stock',
    timed: false,
    args: 'memory --backend wasm --batch 2 --columns 4 --variants stock,stored',
  },
  {
    name: 'memory-wasm',
    timed: false,
    args: 'memory --backend wasm --batch 2 --columns 4,8,16 --variants reversible',
  },
  {
    name: 'memory-tokens',
    timed: false,
    args: 'tokens --alone --rounds 0 --warm-ups 0 --backend tensorflow --peers none --columns 4,8 --length 128,256,512',
  },
  {
    name: 'browser',
    timed: true,
    args: `browser ${IN_PAGES} --backend wasm,wasm-2,webgl --variants reversible,stored,stock --rounds 3`,
  },
  {
    name: 'browser-threads',
    timed: true,
    args: 'browser --batch 1 --backend wasm,wasm-2 --variants reversible --rounds 5 --warm-ups 1',
  },
  {
    name: 'browser-webgpu',
    timed: true,
    args: `browser ${IN_PAGES} --backend wasm,webgpu --variants reversible,stored --rounds 1 --warm-ups 1`,
  },
  {
    name: 'browser-memory',
    timed: false,
    args: 'browser --alone --rounds 0 --warm-ups 1 --backend webgl --columns 2,4,8,16 --batch 32 --side 64 --width-factor 0.125',
  },
  {
    name: 'memory-digits',
    timed: false,
    args: 'memory --size digits --side 24 --batch 50 --columns 2,4,8,16,32 --backend wasm',
  },
  {
    name: 'gpu',
    timed: true,
    args: 'gpu',
    elsewhere: { needs: 'a machine with a graphics card', command: 'npm run gpu-bundle' },
  },
];

export const RESULTS_FOLDER = path.join(ROOT, 'bench/results');

export const resultPath = (name: string) => path.join(RESULTS_FOLDER, `${name}.json`);

/** Share of the machine that others may use while times are recorded. */
export const QUIET = 0.1;

/** The kept result of an entry of the plan; null where there is none. */
export function keptResult(name: string): ResultFile | null {
  const file = resultPath(name);
  return fs.existsSync(file) ? readResult(file) : null;
}

/** Share of the machine that others used while a result was measured, the median over its samples. */
export function disturbance({ contests, starts = [], pictures = [] }: ResultFile): number | null {
  const samples = contests.flatMap(({ outcomes }) =>
    outcomes.flatMap((outcome) =>
      outcome.state === 'measured' ? Object.values(outcome.programs).flatMap((p) => p.samples) : [],
    ),
  );
  const rounds = starts.flatMap((start) => ('rounds' in start ? start.rounds : []));
  return othersShare([
    ...samples,
    ...pictures.flatMap(({ programs }) => programs.flatMap((program) => program.samples)),
    ...rounds.map(({ round, others }) => ({ round, others, ms: 0, cpuMs: 0 })),
  ]);
}

/** Why an entry has to be measured (again); null where its result stands. */
export function whyMeasure(
  { name, timed, args, elsewhere }: PlanEntry,
  kept: ResultFile | null = keptResult(name),
): string | null {
  if (elsewhere) return null;
  if (!kept) return 'never measured';
  if (!kept.complete) return 'was cut off';
  const gaps = [...kept.contests.flatMap(({ outcomes }) => outcomes), ...(kept.starts ?? [])];
  const gap = gaps.find((outcome) => 'state' in outcome && outcome.state !== 'measured');
  if (gap) return `has no figures of ${gap.name}`;
  if (kept.command !== `npm run bench -- ${args}`) return 'the command is another';
  if (kept.source.src !== describeSource(ROOT).src) return 'src has changed';
  if (!timed) return null;
  if (kept.machine.processor !== describeMachine().processor) return 'the machine is another';
  const others = disturbance(kept);
  return others !== null && others > QUIET
    ? `others used ${(100 * others).toFixed(0)} % of the machine`
    : null;
}
