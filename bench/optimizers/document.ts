/**
 * Puts what was measured into docs/memory.md, between the lines that say so, and draws its charts.
 *
 *   npx tsx bench/optimizers/document.ts
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { pathToFileURL } from 'node:url';

import { table } from '../../examples/shared/table';
import { type Generated, writeAll } from '../document/benchmarks';
import { fitLine } from '../document/fit';
import { ROOT } from '../suite/contestants';
import { lossChart, partsChart } from './charts';
import type { PageCase, PageResult } from './chromium_page';
import { type Kept, keptCases } from './kept';
import type { LearningCase, LearningResult } from './learning';
import type { Case, Result } from './memory';
import type { SpeedCase, SpeedResult } from './speed';

const PAGE = 'docs/memory.md';
const PARTS_CHART = 'docs/assets/memory-parts.svg';
const LOSS_CHART = 'docs/assets/optimizer-losses.svg';

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(0);

const MODELS: Readonly<Record<string, string>> = {
  revcol_tiny: 'RevCol-T',
  revcol_base: 'RevCol-B',
  revcol_large: 'RevCol-L',
  revcol_xlarge: 'RevCol-XL',
  revcol_huge: 'RevCol-H',
};

const OPTIMIZERS: Readonly<Record<string, string>> = {
  adamw: 'AdamW',
  adamw8bit: 'AdamW 8-bit',
  lion: 'Lion',
  adafactor: 'Adafactor',
  momentum: 'SGD, momentum',
  sgd: 'SGD',
};

function optimizerName(optimizer: string, adapters?: number): string {
  const [kind = '', fused] = optimizer.split('+');
  const name = OPTIMIZERS[kind] ?? kind;
  const full = fused === undefined ? name : `${name}, fused`;
  return adapters === undefined ? full : `${full}, of adapters of rank ${adapters}`;
}

type MemoryCase = Kept<Case, Pick<Result, 'parameters' | 'plan'> & Partial<Result>>;

const modelText = ({ given: { model, batch, backend }, result }: MemoryCase) =>
  `${MODELS[model] ?? model} (${(result.parameters / 1e6).toFixed(1)} M), ${batch}, ${backend}`;

/** From small models to large ones, and from much memory to little. */
function inOrder(cases: readonly MemoryCase[]): MemoryCase[] {
  const models = Object.keys(MODELS);
  const place = ({ given }: MemoryCase) => models.indexOf(given.model);
  const peak = ({ result }: MemoryCase) => result.peakBytes ?? result.plan.peakBytes;
  return [...cases].sort((a, b) => place(a) - place(b) || peak(b) - peak(a));
}

function memoryTable(cases: readonly MemoryCase[]): string {
  const cell = (bytes: number | undefined) => (bytes === undefined ? 'not run' : megabytes(bytes));
  const rows = cases.map((one) => [
    modelText(one),
    optimizerName(one.given.optimizer, one.given.adapters),
    megabytes(one.result.plan.peakBytes),
    cell(one.result.peakBytes),
    cell(one.result.restingBytes),
    one.result.peakBytes === undefined || one.result.residentBytes !== undefined
      ? cell(one.result.residentBytes)
      : 'not measured',
  ]);
  const headings = ['planned', 'peak', 'between steps', 'resident at most'].map((h) => `${h}, MB`);
  return table(['model, batch, backend', 'optimizer', ...headings], rows);
}

function chromiumTable(): string {
  const rows = keptCases<PageCase, PageResult & { browser: string }>('chromium').map(
    ({ given, result }) => [
      `${MODELS[given.model] ?? given.model}, ${given.batch}`,
      optimizerName(given.optimizer),
      result.browser,
      megabytes(result.peakBytes),
      megabytes(result.wasmBytes),
      result.losses.map((loss) => loss.toFixed(3)).join(', '),
    ],
  );
  const headings = ['peak, MB', "WebAssembly's memory, MB", 'losses of the steps'];
  return table(['model, batch', 'optimizer', 'browser', ...headings], rows);
}

const PARTS = ['weights', 'gradients', 'moments', 'anchors', 'activations', 'workspace'] as const;

function partsOf(cases: readonly MemoryCase[]): string {
  const chosen = cases.filter(({ given }) => given.model === 'revcol_tiny');
  const batch = chosen[0]?.given.batch;
  return partsChart(
    `RevCol-T, batch ${batch}, 224 x 224, backend tensorflow`,
    chosen.map(({ given, result }) => ({
      name: optimizerName(given.optimizer),
      parts: Object.fromEntries(PARTS.map((part) => [part, result.plan[part]])),
    })),
  );
}

type Learned = Kept<LearningCase, LearningResult>;

/** By way, in the order in which they were measured, with all seeds. */
function byWay(cases: readonly Learned[]): [way: string, seeds: Learned[]][] {
  const ways = [...new Set(cases.map(({ given }) => given.way))];
  return ways.map((way) => [way, cases.filter(({ given }) => given.way === way)]);
}

/** How the ways of `learning.ts` are called here. */
function wayName(way: string): string {
  if (way === 'adapters, tuning') return 'AdamW, fused, of adapters of rank 8';
  return optimizerName(way.replace(', tuning', ''));
}

const isTuning = (way: string) => way.includes('tuning');
const last = (values: readonly number[]) => values.at(-1) as number;
const span = (values: readonly number[], digits: number) =>
  [Math.min(...values), Math.max(...values)].map((x) => x.toFixed(digits)).join(' to ');

function learningTable(cases: readonly Learned[]): string {
  const rows = byWay(cases).map(([way, seeds]) => {
    const results = seeds.map(({ result }) => result);
    const middle = results.map(({ losses }) => losses[losses.length / 2] as number);
    return [
      isTuning(way) ? 'from digits on their side' : 'from nothing',
      wayName(way),
      span(middle, 3),
      span(
        results.map(({ losses }) => last(losses)),
        3,
      ),
      span(
        results.map(({ accuracy }) => 100 * accuracy),
        1,
      ),
      (last(results.map(({ momentBytes }) => momentBytes)) / 1e3).toFixed(0),
    ];
  });
  const headings = ['loss half way', 'loss at the end', 'test accuracy, %', 'moments, KB'];
  return table(['', 'optimizer', ...headings], rows);
}

function learningChart(cases: readonly Learned[]): string {
  const panel = (title: string, tuning: boolean) => ({
    title,
    lines: byWay(cases)
      .filter(([way]) => isTuning(way) === tuning)
      .map(([way, seeds]) => ({
        name: wayName(way),
        losses: seeds.map(({ result }) => result.losses),
      })),
  });
  return lossChart('Digits: the loss of three seeds (faint), and their mean', [
    panel('From nothing', false),
    panel('From digits on their side', true),
  ]);
}

type ResidentCase = Kept<Case & { allocator: string }, Result>;

function residentTable(): string {
  const cases = keptCases<ResidentCase['given'], Result>('resident');
  const settings = [...new Set(cases.map(({ given }) => given.allocator))];
  const rows = settings.map((setting) => {
    const own = cases.filter(({ given }) => given.allocator === setting);
    const line = fitLine(
      own.map(({ result }) => [result.peakBytes, result.residentBytes] as const),
    );
    return [
      setting,
      own.map(({ given }) => given.columns).join(', '),
      own.map(({ result }) => megabytes(result.peakBytes)).join(', '),
      own.map(({ result }) => megabytes(result.residentBytes)).join(', '),
      line.slope.toFixed(2),
      megabytes(line.intercept),
    ];
  });
  return table(['allocator', 'columns', 'peak, MB', 'resident, MB', 'slope', 'offset, MB'], rows);
}

function speedTable(): string {
  const rows = keptCases<SpeedCase, SpeedResult>('speed').flatMap(({ given, result, date }) =>
    result.contestants.map(({ name, medianSeconds, ratio }) => [
      `${MODELS[given.model] ?? given.model}, ${given.batch}, ${given.backend}`,
      name,
      medianSeconds.toFixed(3),
      ratio.toFixed(3),
      `${(100 * result.othersShare).toFixed(0)} %`,
      date.slice(0, 10),
    ]),
  );
  if (rows.length === 0) return 'Not timed on a quiet machine yet; the commands are below.';
  const headings = ['median, s', 'ratio to the first', 'others used', 'measured'];
  return table(['model, batch, backend', 'way', ...headings], rows);
}

/** The page with what is between the marks of each name in the place of what was there. */
function filled(page: string, parts: Readonly<Record<string, string>>): string {
  let text = page;
  for (const [name, part] of Object.entries(parts)) {
    const [start, end] = [`<!-- ${name}: generated -->`, `<!-- ${name}: end -->`];
    const [from, to] = [text.indexOf(start), text.indexOf(end)];
    if (from < 0 || to < from) throw new Error(`${PAGE} has no place for ${name}`);
    text = `${text.slice(0, from + start.length)}\n\n${part}\n\n${text.slice(to)}`;
  }
  return text;
}

/** The page as it is to be, and its charts. */
export function generateMemory(): Generated[] {
  const memory = inOrder(keptCases<Case, MemoryCase['result']>('memory'));
  const learning = keptCases<LearningCase, LearningResult>('learning');
  const page = fs.readFileSync(path.join(ROOT, PAGE), 'utf8');
  const text = filled(page, {
    memory: memoryTable(memory),
    chromium: chromiumTable(),
    resident: residentTable(),
    speed: speedTable(),
    learning: learningTable(learning),
  });
  return [
    { path: PAGE, text },
    { path: PARTS_CHART, text: partsOf(memory) },
    { path: LOSS_CHART, text: learningChart(learning) },
  ];
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) writeAll(generateMemory());
