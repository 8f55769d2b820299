/** docs/benchmarks.md is what the results say, and says what they say. */
import * as fs from 'node:fs';

import { generate, outdated } from '../../bench/document/benchmarks';
import { peaksOf } from '../../bench/document/peaks';
import { anchorCount, columnGain, featureBytes } from '../../bench/document/theory';
import { ROOT } from '../../bench/suite/contestants';
import { describeMachine, describeSource } from '../../bench/suite/machine';
import { keptResult, PLAN, RESULTS_FOLDER, whyMeasure } from '../../bench/suite/plan';
import { type Contest, type Outcome, type ResultFile, SCHEMA } from '../../bench/suite/results';
import { describeWorkload, imageNetwork, type NetworkWorkload } from '../../bench/suite/workload';

const workload = (columns: number, batch = 1): NetworkWorkload => ({
  network: imageNetwork('tiny', columns),
  pass: 'step',
  batch,
  extent: 224,
});

function outcome(name: string, times: number[], peakBytes: number): Outcome {
  return {
    name,
    state: 'measured',
    threads: 2,
    versions: { torch: '9.9' },
    parameters: 1000,
    deviation: 1e-6,
    residentAtStart: 1e8,
    residentBytes: 123e6,
    programs: {
      step: {
        peakBytes,
        times: 1,
        samples: times.map((ms, round) => ({ round, ms, cpuMs: ms, others: 0.5 })),
      },
    },
  };
}

const RESULT: ResultFile = {
  schema: SCHEMA,
  command: 'npm run bench -- train --made-up',
  date: '2026-01-02T03:04:05.000Z',
  machine: {
    processor: 'Abacus',
    cores: 2,
    memoryBytes: 1e9,
    instructionSets: ['avx', 'avx2'],
    system: '',
    node: 'v20.0.0',
  },
  source: { commit: 'abc', src: 'def' },
  complete: true,
  contests: [
    {
      workload: workload(4),
      turns: true,
      reference: 'PyTorch',
      load: [[], []],
      outcomes: [
        outcome('PyTorch', [100, 200, 300], 5e6),
        outcome('reversible on wasm', [150, 300, 600], 4321e6),
        { name: 'stored on wasm', state: 'failed', reason: 'ran out of beads' },
        {
          name: 'onnxruntime-web',
          state: 'missing',
          what: 'onnxruntime-web',
          install: 'npm run bench:peers',
        },
      ],
    },
  ],
};

const page = (name: string, result: ResultFile) =>
  generate((asked) => (asked === name ? result : null))[0]?.text ?? '';

test('the page in the repository is generated from the results in the repository', () => {
  expect(outdated(generate())).toEqual([]);
  // Also a second time in one process.
  expect(outdated(generate())).toEqual([]);
});

test('every result in the repository is part of the plan', () => {
  const names = fs.readdirSync(RESULTS_FOLDER).map((file) => file.replace('.json', ''));
  expect(PLAN.map(({ name }) => name)).toEqual(expect.arrayContaining(names));
});

test('a result that was cut off or has gaps is measured again', () => {
  const entry = { name: 'made-up', timed: true, args: 'train --made-up' };
  expect(whyMeasure(entry, null)).toBe('never measured');
  expect(whyMeasure(entry, { ...RESULT, complete: false })).toBe('was cut off');
  expect(whyMeasure(entry, RESULT)).toBe('has no figures of stored on wasm');
  const [contest] = RESULT.contests;
  const outcomes = contest?.outcomes.filter(({ state }) => state === 'measured') ?? [];
  const whole = { ...RESULT, contests: [{ ...(contest as Contest), outcomes }] };
  expect(whyMeasure({ ...entry, args: 'train' }, whole)).toBe('the command is another');
  expect(whyMeasure(entry, whole)).toBe('src has changed');
  const same = { ...whole, source: describeSource(ROOT) };
  expect(whyMeasure(entry, same)).toBe('the machine is another');
  expect(whyMeasure({ ...entry, timed: false }, same)).toBeNull();
  const here = { ...same, machine: describeMachine() };
  expect(whyMeasure(entry, here)).toBe('others used 50 % of the machine');
});

test('own operations take no more memory than the way without', () => {
  const names = ['plain-forward', 'plain-train', 'plain-tokens', 'segmenter'];
  const found = peaksOf(names.flatMap((name) => keptResult(name) ?? []));
  expect(found.length).toBeGreaterThanOrEqual(4);
  for (const { workload: of, plain, own } of found) {
    expect([describeWorkload(of), own <= plain]).toEqual([describeWorkload(of), true]);
  }
});

test('results of a graphics card have its name, and are never measured here', () => {
  const machine = { ...RESULT.machine, gpu: 'NVIDIA Abacus' };
  const product = { rows: 2, terms: 2048, columns: 512 };
  const splitProducts: ResultFile['splitProducts'] = [
    { ...product, error: 1.3, state: 'wrong' },
    { ...product, error: 1e-7, state: 'right' },
  ];
  const section = (text: string) => text.split('## On a graphics card')[1]?.split('\n## ')[0] ?? '';
  const shown = section(page('gpu', { ...RESULT, machine, splitProducts }));
  expect(shown).toContain('2026-01-02, NVIDIA Abacus, 2 cores of an Abacus');
  expect(shown).toContain('Of 2 products of matrices with a transposed second operand');
  expect(shown).toContain('have 1 wrong on this card');
  expect(section(page('none', RESULT))).toContain('Not measured yet');
  const entry = PLAN.find(({ name }) => name === 'gpu');
  expect(entry && whyMeasure(entry, null)).toBeNull();
});

describe('a section', () => {
  const text = page('train-2', RESULT);

  test('has a row for each contestant, with the ratio by round', () => {
    const row = /\| reversible on wasm .*/
      .exec(text)?.[0]
      .split('|')
      .map((cell) => cell.trim());
    expect(row?.slice(1, -1)).toEqual([
      'reversible on wasm',
      '2',
      '300',
      '150',
      '225 to 450',
      '1.50 (1.50 to 1.75)',
      '4321',
      '123',
    ]);
  });

  test('names who is not here, and why', () => {
    expect(text).toContain('Not here: stored on wasm, failed: ran out of beads.');
    expect(text).toContain('onnxruntime-web missing: npm run bench:peers');
  });

  test('says when, on what, by which command, and that the machine was busy', () => {
    expect(text).toContain('2026-01-02, 2 cores of an Abacus with AVX2, torch 9.9; commit abc');
    expect(text).toContain('others used 50 % of the machine: these times are a trial');
    expect(text).toContain('npm run bench -- train --made-up');
  });

  test('says so where nothing was measured yet', () => {
    expect(text).toContain('Not measured yet: `npm run bench -- baseline --only train-8`.');
  });

  test('changes with the result', () => {
    const [contest] = RESULT.contests;
    if (!contest) throw new Error('no contest');
    const slower = { ...contest, outcomes: [outcome('PyTorch', [101, 201, 301], 5e6)] };
    expect(page('train-2', { ...RESULT, contests: [slower] })).not.toBe(text);
  });
});

describe('contestants in pages', () => {
  const device = { programs: 5325, compiled: 540, peakBytes: 9.8e6, heldBytes: 49e6 };
  const inPage = (name: string, counted: boolean): Outcome => {
    const measured = outcome(name, [900, 1300], 5e6);
    if (measured.state !== 'measured') throw new Error('not measured');
    const { step } = measured.programs;
    if (!step) throw new Error('no step');
    const counts = { kernels: 4000, device: counted ? device : null };
    return { ...measured, programs: { step: { ...step, firstMs: 13_700, counts } } };
  };
  const [contest] = RESULT.contests;
  const result = (...outcomes: Outcome[]): ResultFile => ({
    ...RESULT,
    contests: [{ ...(contest as Contest), reference: 'reversible on wasm', outcomes }],
  });
  const cellsOf = (text: string, first: string) =>
    text
      .split('\n')
      .find((line) => line.startsWith(`| ${first} `))
      ?.split('|')
      .map((cell) => cell.trim())
      .slice(1, -1);

  test('have a row with the first step, kernels, programs and memory of the device', () => {
    const outcomes = [inPage('reversible on wasm', false), inPage('reversible on webgl', true)];
    const text = page('browser', result(...outcomes));
    const times = ['13.7', '1100', '1000 to 1200', '1.00', '4000'];
    expect(cellsOf(text, 'reversible on webgl')).toEqual([
      'reversible on webgl',
      ...times,
      ...['5325', '540', '5.0', '9.8', '1e-6'],
    ]);
    expect(cellsOf(text, 'reversible on wasm')).toEqual([
      'reversible on wasm',
      ...times,
      ...['–', '–', '5.0', '–', '1e-6'],
    ]);
  });

  test('have memory of the device by columns, with a dash for a mode that is not here', () => {
    const text = page('browser-memory', result(inPage('reversible on webgl', true)));
    expect(cellsOf(text, '4')).toEqual(['4', '9.8', '–', '49.0', '–']);
  });
});

describe('theory', () => {
  test('features of RevCol-Tiny at 224 x 224: four levels of 56, 28, 14 and 7 pixels', () => {
    const values = 56 ** 2 * 64 + 28 ** 2 * 128 + 14 ** 2 * 256 + 7 ** 2 * 512;
    expect(featureBytes(workload(4, 3))).toBe(4 * 3 * values);
  });

  test('a gain in columns is weights, gradients and every second column an anchor', () => {
    expect(anchorCount(workload(8)) - anchorCount(workload(4))).toBe(2);
    const gain = columnGain(
      { workload: workload(4), parameters: 100 },
      { workload: workload(8), parameters: 150 },
    );
    expect(gain).toEqual({
      weights: 200,
      gradients: 200,
      anchorsMore: 2,
      anchors: 2 * featureBytes(workload(8)),
    });
  });
});
