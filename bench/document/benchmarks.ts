/** docs/benchmarks.md, made from the results that are kept. */
import * as fs from 'node:fs';
import * as path from 'node:path';

import { ROOT } from '../suite/contestants';
import { pictureTable } from '../suite/picture_results';
import { disturbance, PLAN, QUIET } from '../suite/plan';
import type { ResultFile } from '../suite/results';
import { deviceMemoryTable, gpuSection, pageSection } from './browser';
import { growthChart } from './chart';
import { growthPanels, memoryFits, SERIES, type Series, timeFits } from './growth';
import { INTRODUCTION } from './introduction';
import { kept, type Results } from './measured';
import { gainTable, lessTable, memoryTable } from './memory';
import { peakTable } from './peaks';
import { segmenterSection } from './segmenter';
import { contestSection, operationsSection, startSection } from './speed';

/** A generated file, relative to the repository. */
export interface Generated {
  path: string;
  text: string;
}

const CHART = 'docs/assets/growth.svg';

/** Versions of all that computed, each once. */
function versionsOf({ contests, starts = [] }: ResultFile): string {
  const measured = contests.flatMap(({ outcomes }) =>
    outcomes.flatMap((outcome) => (outcome.state === 'measured' ? [outcome.versions] : [])),
  );
  const started = starts.flatMap((start) => ('rounds' in start ? [start.versions] : []));
  const all = Object.assign({}, ...measured, ...started) as Record<string, string>;
  return Object.entries(all)
    .map(([name, version]) => `${name} ${version.replace(/^v/, '')}`)
    .join(', ');
}

/** When, on what and by which command a result was measured. */
function provenance(result: ResultFile): string {
  const { date, machine, command, source } = result;
  const others = disturbance(result);
  const share = `others used ${(100 * (others ?? 0)).toFixed(0)} % of the machine`;
  const busy =
    others === null
      ? ''
      : others > QUIET
        ? `; **${share}: these times are a trial**`
        : `; ${share}`;
  const vectors = machine.instructionSets.some((set) => set.startsWith('avx512'))
    ? ' with AVX-512'
    : machine.instructionSets.includes('avx2')
      ? ' with AVX2'
      : '';
  return (
    `${date.slice(0, 10)}, ${machine.gpu ? `${machine.gpu}, ` : ''}${machine.cores} cores of ${article(machine.processor)}${vectors}, ` +
    `${versionsOf(result)}; commit ${source.commit}${busy}.\n\n\`\`\`sh\n${command}\n\`\`\``
  );
}

const article = (processor: string) => (/^[AEIOU]/.test(processor) ? `an ${processor}` : processor);

/** What is said where an entry of the plan has no result yet. */
function pending(name: string): string {
  const elsewhere = PLAN.find((entry) => entry.name === name)?.elsewhere;
  return elsewhere
    ? `Not measured yet: it takes ${elsewhere.needs}, and \`${elsewhere.command}\`.`
    : `Not measured yet: \`npm run bench -- baseline --only ${name}\`.`;
}

/** The parts of a section, one for each of the results named. */
function parts(
  results: Results,
  names: readonly string[],
  body: (result: ResultFile) => string,
): string[] {
  return names.map((name) => {
    if (!PLAN.some((entry) => entry.name === name)) throw new Error(`the plan has no ${name}`);
    const result = results(name);
    return result ? `${body(result)}\n\n${provenance(result)}` : pending(name);
  });
}

const contests = ({ contests: all }: ResultFile) => all.map(contestSection).join('\n\n');

const RELAXED = `In an engine with relaxed SIMD products use fused multiply-add. That gains where multiplications and additions share
their units. On the processor below it gains next to nothing: a loop in wasm that loads, multiplies and adds, ten sums at a
time, comes to 54 thousand million operations a second fused and to 53 otherwise. The network takes 9 thousand million:`;

const MEMORY = `## Training memory

One full training step (forward, loss, gradients, plain gradient descent) of RevCol at Tiny's width and
depths, 224 x 224, each contestant alone. Stock tfjs is given both ways on purpose: by tfjs's own count
it takes more than it holds, because that counts tensors which share memory in full.`;

const GROWTH_IN_COLUMNS = `**Growth with columns.** In reversible mode each further column costs its weights and the larger of two
things: its gradients, or its share of an anchor (with alphas as they start, one column in two keeps its
features). Not both, because the walk frees an anchor when it has passed it, and has the gradients of a
column only from then on:`;

const THREE_LEVELS = `Not exact for 16 channels and batch 50 below 8 columns, the digits example's network: with its three
levels an anchor comes every third column, so that these numbers of columns leave 2 and 1 over in turn, and
with 2 columns there is no anchor yet.`;

const GROWTH = `## Growth

Small networks on wasm, one thing varied at a time. What is fitted is a power (_exponent_), and a line in
what theory says it is proportional to (_constant_ and _slope_, for a side its square). **Memory** is the
peak without weights and gradients, in stored mode also without the clones of all weights that tfjs's tape
keeps, which share memory with them but count in full:`;

const REASONS = `What does not follow theory, and why:

- **Reversible over columns** is constant, what the step itself takes, wherever the gradients of a column
  are larger than its share of an anchor: at the peak, which is then at the end of the walk, no anchor is
  left (the table above has both).
- **Reversible over batch and side** is a line with a constant, and the smallest networks lie above it:
  temporaries as large as a weight, of the topmost level's products, are then larger than activations.
- **Reversible over channels** is linear up to 32 and then bends up, for the same reason: those temporaries
  grow with the square of the width.
- **Reversible over length** grows faster than linear because about three tensors of attention's scores,
  which are quadratic, are held at a time. Scores are computed some queries at a time, at most 16 MB,
  which batch 4 and 4 heads reach at length 512; from there on it is linear again.
- **Time** has a constant in every axis but columns: calls of kernels, folding, and the update of the
  weights do not depend on the size of the input. In these small networks it is a large part, so exponents
  are below theory; the lines tell more. Over length, attention adds a quadratic part.`;

const IN_PAGES = `## In the browser

Pages of headless Chromium. **Without a GPU** webgl and webgpu run in SwiftShader, a software renderer, so
that their times only compare with each other; counts and bytes are what they are on a GPU. _First step_
includes compiling; _kernels_ and _programs_ are run in a step, _compiled_ are the different programs since the page was
opened; _on the device_ is the peak of \`numBytesInGPU\`; _deviation_ is how far outputs and the gradients of all weights are
from the first contestant's, the worst of them. stock runs on wasm only beside this package, which adds the gradients
that tfjs lacks there.`;

const ON_A_GPU = `## On a graphics card

webgpu in Node, on Dawn: RevCol-Tiny and the transformer, forward and a training step. _stock_ runs beside this package, which
mends the products of matrices that tfjs has wrong there ([portable check](doctor.md#on-a-machine-with-a-graphics-card)).`;

const DEVICE_MEMORY = `**Memory of the device by columns**, webgl: the peak of \`numBytesInGPU\` in a step, and what tfjs holds
afterwards, its pool of textures included.`;

function growth(results: Results): { text: string; chart: string | null } {
  const found = SERIES.flatMap((series): (readonly [Series, ResultFile])[] => {
    const result = results(series.result);
    return result ? [[series, result]] : [];
  });
  const missing = SERIES.filter(({ result }) => !results(result));
  const shown = found.filter(([{ result }]) => /^growth-(columns|length)$/.test(result));
  const chart =
    shown.length === 2
      ? growthChart('Peak memory of a training step, both axes logarithmic', growthPanels(shown))
      : null;
  const text = [
    GROWTH,
    ...(found.length > 0
      ? [memoryFits(found), '**Time** of a step, the median:', timeFits(found)]
      : []),
    ...(chart ? [`![Peak memory against columns and length](assets/growth.svg)`] : []),
    ...missing.map(({ result }) => pending(result)),
    ...found.map(([, result]) => provenance(result)),
    REASONS,
  ];
  return { text: text.join('\n\n'), chart };
}

function gains(results: Results): string {
  const found = [
    'memory-tensorflow',
    'memory-wasm',
    'growth-columns',
    'memory-digits',
    'growth-token-columns',
  ].flatMap((name) => results(name) ?? []);
  return found.length > 0 ? gainTable(found) : pending('memory-tensorflow');
}

/** Peaks by the way that computes; they are exact, whatever else the machine does. */
function peaks(results: Results): string[] {
  const names = ['plain-forward', 'plain-train', 'plain-tokens', 'segmenter'];
  const found = names.flatMap((name) => results(name) ?? []);
  return [
    'Memory of these, and of the networks of the sections on transformers and segmenters, both ways:',
    ...(found.length > 0 ? [peakTable(found)] : []),
    ...parts(
      results,
      ['plain-tokens'],
      () => 'The step of the transformer, measured for this table:',
    ),
  ];
}

function memory(results: Results): string[] {
  const groups: [title: string, names: string[]][] = [
    ['Backend tensorflow, batch 8:', ['memory-stock', 'memory-tensorflow']],
    ['Backend wasm, batch 2:', ['memory-wasm-stock', 'memory-wasm']],
  ];
  return groups.flatMap(([title, names]) => {
    const found = names.flatMap((name) => results(name) ?? []);
    const missing = names.filter((name) => !results(name)).map(pending);
    return [
      title,
      ...(found.length > 0 ? [memoryTable(found)] : []),
      ...missing,
      ...found.map(provenance),
    ];
  });
}

/** All that is generated: the page, and its chart where there are results for it. */
export function generate(results: Results = kept): Generated[] {
  const grown = growth(results);
  const text = [
    INTRODUCTION,
    '## Forward',
    'Stock tfjs on wasm aborts at batch 8: it needs more than the 4 GB that wasm can have.',
    ...parts(results, ['forward-1', 'forward-8'], contests),
    RELAXED,
    ...parts(results, ['forward-relaxed'], contests),
    '## Training step',
    ...parts(results, ['train-2', 'train-8', 'train-wasm'], contests),
    '## Threads on wasm',
    "The package's kernels on two threads, by [`setWasmThreads`](browser.md#threads), beside one, taking turns:",
    ...parts(results, ['threads-forward', 'threads-train'], contests),
    '## Own operations on tensorflow',
    'What the library of operations gains that [`npx tfjs-revcol native`](native.md#own-operations) builds. All ' +
      'other rows of this page are with it where their versions say so:',
    ...parts(results, ['plain-forward', 'plain-train'], contests),
    ...peaks(results),
    '## Start',
    'A fresh process each time, until its first and second result: RevCol-Tiny, batch 1. _tfjs alone_ ' +
      'multiplies two matrices. Medians, in the order of the steps:',
    ...parts(results, ['startup'], ({ starts }) => startSection(starts ?? [])),
    '## Pictures',
    'From a file to the values that a network trains on, in one thread: decoded; then cut and resized as for ' +
      'evaluation, or with the whole [augmentation](augmentation.md) of the published recipe. Decoding is that of ' +
      'the command line, to the byte as Pillow. Beside it, a training step of a small network; the share is ' +
      'that of the same batch, round by round:',
    ...parts(results, ['images'], ({ pictures = [] }) => pictures.map(pictureTable).join('\n\n')),
    '## Single operations',
    ...parts(results, ['operations'], (result) =>
      result.contests.map(operationsSection).join('\n\n'),
    ),
    MEMORY,
    ...memory(results),
    GROWTH_IN_COLUMNS,
    gains(results),
    THREE_LEVELS,
    'The network of the digits example, batch 50:',
    ...parts(results, ['memory-digits'], (result) => lessTable(result, ['columns'])),
    '## Transformers',
    'Causal RevCol over tokens, columns of 4 levels with one block each, width 256, 4 heads, batch 8.',
    ...parts(results, ['tokens', 'tokens-wasm'], contests),
    'Memory of the same step by columns and length, each contestant alone:',
    ...parts(results, ['memory-tokens'], (result) => lessTable(result, ['columns', 'length'])),
    '## Segmenters',
    'A pass without gradients: the backbone with its pyramid, and the head up to the logits of every fourth pixel.',
    ...parts(results, ['segmenter'], contests),
    IN_PAGES,
    ...parts(results, ['browser', 'browser-threads', 'browser-webgpu'], ({ contests: all }) =>
      all.map(pageSection).join('\n\n'),
    ),
    DEVICE_MEMORY,
    ...parts(results, ['browser-memory'], deviceMemoryTable),
    ON_A_GPU,
    ...parts(results, ['gpu'], gpuSection),
    grown.text,
    segmenterSection(),
  ];
  return [
    { path: 'docs/benchmarks.md', text: `${text.join('\n\n')}\n` },
    ...(grown.chart ? [{ path: CHART, text: grown.chart }] : []),
  ];
}

/** Files that are not what the results say. */
export function outdated(files: readonly Generated[]): string[] {
  return files.flatMap(({ path: file, text }) => {
    const full = path.join(ROOT, file);
    return fs.existsSync(full) && fs.readFileSync(full, 'utf8') === text ? [] : [file];
  });
}

export function writeAll(files: readonly Generated[]): void {
  files.forEach(({ path: file, text }) => fs.writeFileSync(path.join(ROOT, file), text));
}
