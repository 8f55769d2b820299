/** The benchmarks' own machinery: a small contest from start to end, and contestants that misbehave. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

import { runCommand } from '../../bench/suite/baseline';
import { holdContest } from '../../bench/suite/contest';
import { type Entrant, entrants } from '../../bench/suite/contestants';
import type { Outcome, ResultFile } from '../../bench/suite/results';
import { imageNetwork, type NetworkWorkload, segmenterNetwork } from '../../bench/suite/workload';

let folder: string;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-bench-test-'));
});
afterEach(() => fs.rmSync(folder, { recursive: true }));

const SMALL: NetworkWorkload = {
  network: imageNetwork('digits', 1, 0.25),
  pass: 'forward',
  batch: 1,
  extent: 8,
};

/** Writes a safetensors file of one value. */
const WRITE = `
  const write = (file, value) => {
    const header = JSON.stringify({ output: { dtype: 'F32', shape: [1], data_offsets: [0, 4] } });
    const bytes = Buffer.alloc(12 + header.length);
    bytes.writeBigUInt64LE(BigInt(header.length));
    bytes.write(header, 8);
    bytes.writeFloatLE(value, 8 + header.length);
    require('fs').writeFileSync(file, bytes);
  };`;

/** A contestant that computes one value; \`onRun\` is what it does when its turn comes. */
function fake(name: string, value: number, onRun = ''): Entrant {
  const code = `${WRITE}
    const say = (message) => console.log('@bench ' + JSON.stringify(message));
    console.log('noise on the way');
    say({ versions: {}, parameters: 1, programs: ['forward'] });
    require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
      const request = JSON.parse(line);
      if (request.do === 'check') write(request.file, ${value});
      if (request.do === 'run') { ${onRun} }
      say(request.do === 'count' ? { peakBytes: 7 } : { ms: 5, cpuMs: 5 });
    });`;
  return {
    name,
    missing: null,
    task: { variant: name, backend: null, threads: 1 },
    command: () => ({ file: process.execPath, args: ['-e', code] }),
  };
}

const contest = (field: Entrant[], check = true) =>
  holdContest(field, SMALL, { rounds: 3, warmUps: 1, check, turns: true, say: () => undefined });

const states = (outcomes: Outcome[]) => outcomes.map(({ state }) => state);

test('a contest from the command line to the file of results', async () => {
  const file = path.join(folder, 'result.json');
  const command = 'train --size digits --side 8 --columns 2 --width-factor 0.25 --backend wasm';
  const rest = '--variants stock,reversible --peers none --rounds 2 --warm-ups 1 --json';
  const said: string[] = [];
  await runCommand([...`${command} ${rest}`.split(' '), file], {
    out: (text) => said.push(text),
    progress: () => undefined,
  });
  const result = JSON.parse(fs.readFileSync(file, 'utf8')) as ResultFile;
  expect(result.command).toBe(`npm run bench -- ${command} ${rest.replace(' --json', '')}`);
  expect(result.machine.cores).toBeGreaterThan(0);
  const [held] = result.contests;
  expect(held?.reference).toBe('stock on wasm');
  for (const outcome of held?.outcomes ?? []) {
    if (outcome.state !== 'measured') throw new Error(`${outcome.name}: ${outcome.state}`);
    // Gradients of all weights were compared with those of stock tfjs.
    expect(outcome.deviation).toBeLessThan(1e-4);
    expect(outcome.programs.step?.samples.map(({ round }) => round)).toEqual([0, 1]);
    expect(outcome.programs.step?.peakBytes).toBeGreaterThan(8 * (outcome.parameters ?? NaN));
  }
  expect(said.join('')).toContain('| reversible on wasm | step');
});

test('a segmenter, weights as they are initialised', async () => {
  const file = path.join(folder, 'result.json');
  const sizes =
    '--size digits --side 8 --columns 1 --width-factor 0.25 --head-channels 4 --classes 3';
  const rest =
    '--backend wasm --variants reversible --peers none --rounds 1 --warm-ups 0 --no-check';
  const said: string[] = [];
  await runCommand([...`segmenter ${sizes} ${rest} --json`.split(' '), file], {
    out: (text) => said.push(text),
    progress: () => undefined,
  });
  const [held] = (JSON.parse(fs.readFileSync(file, 'utf8')) as ResultFile).contests;
  expect(held?.outcomes).toMatchObject([
    { state: 'measured', programs: { forward: { peakBytes: expect.any(Number) } } },
  ]);
  expect(said.join('')).toContain(
    'forward, UPerNet of 4 channels and 3 classes on RevCol of 1 columns, channels 4 8 16',
  );
});

describe('contestants', () => {
  test('take turns, and each round begins with another', async () => {
    const log = path.join(folder, 'log').replaceAll('\\', '/');
    const note = (name: string) => `require('fs').appendFileSync('${log}', '${name}');`;
    const { outcomes, reference } = await contest(
      [fake('a', 1, note('a')), fake('b', 1.00001, note('b'))],
      false,
    );
    expect(states(outcomes)).toEqual(['measured', 'measured']);
    expect(reference).toBe('a');
    // A warm-up each, then three rounds.
    expect(fs.readFileSync(log, 'utf8')).toBe('ab' + 'ab' + 'ba' + 'ab');
    // Runs of 5 ms are repeated until a sample takes 100.
    expect(outcomes[0]).toMatchObject({ programs: { forward: { times: 20, peakBytes: 7 } } });
  });

  test('whose outputs differ are an error and not timed', async () => {
    const { outcomes } = await contest([fake('a', 1), fake('close', 1.00001), fake('off', 1.1)]);
    expect(states(outcomes)).toEqual(['measured', 'measured', 'failed']);
    expect(outcomes[2]).toMatchObject({
      reason: expect.stringContaining('its outputs are off by 1.0e-1'),
    });
  });

  test('whose outputs are no numbers are an error as well', async () => {
    const { outcomes } = await contest([fake('a', 1), fake('off', NaN)]);
    expect(outcomes[1]).toMatchObject({ state: 'failed', reason: expect.stringMatching(/number/) });
  });

  test('that die are named with the reason, and the others go on', async () => {
    const broken = "process.stderr.write('Error: out of breath'); process.exit(3);";
    const { outcomes } = await contest([fake('broken', 1, broken), fake('b', 1)], false);
    expect(outcomes[0]).toMatchObject({
      state: 'failed',
      reason: 'ended with status 3: Error: out of breath',
    });
    expect(outcomes[1]).toMatchObject({ state: 'measured' });
  });

  test('that are not here are named with the command that installs them', async () => {
    const absent: Entrant = {
      ...fake('PyTorch', 1),
      missing: { what: 'PyTorch', install: 'npm run bench:peers -- pytorch' },
    };
    const { outcomes } = await contest([absent, fake('b', 1)], false);
    expect(outcomes[0]).toEqual({
      name: 'PyTorch',
      state: 'missing',
      what: 'PyTorch',
      install: 'npm run bench:peers -- pytorch',
    });
  });
});

test('who takes part: peers first; onnxruntime does not train', () => {
  const wanted = {
    backends: ['wasm'] as const,
    variants: ['reversible', 'stored', 'stock'] as const,
    peers: ['pytorch', 'pytorch-checkpointed', 'onnxruntime-node'] as const,
    threads: 2,
  };
  const names = (pass: 'forward' | 'step') =>
    entrants(wanted, { ...SMALL, pass }).map(({ name }) => name);
  expect(names('step')).toEqual([
    'PyTorch',
    'PyTorch, levels checkpointed',
    'reversible on wasm',
    'stored on wasm',
    'stock on wasm',
  ]);
  expect(names('forward')).toEqual([
    'PyTorch',
    'onnxruntime-node',
    'reversible on wasm',
    'stock on wasm',
  ]);
  const segmenter = segmenterNetwork(imageNetwork('tiny'), 512, 150);
  const field = entrants(wanted, { ...SMALL, network: segmenter });
  expect(field.map(({ name }) => name)).toEqual(['PyTorch', 'reversible on wasm']);
});
