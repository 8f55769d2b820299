/** The benchmarks in pages: a small contest from the command line to the document. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

import { generate } from '../../bench/document/benchmarks';
import { runCommand } from '../../bench/suite/baseline';
import type { ResultFile } from '../../bench/suite/results';
import { BROWSERS } from './browsers';
import { CHROMIUM } from './chromium';

const isHere = CHROMIUM && BROWSERS.includes('Chromium');
const describeBrowser = isHere ? describe : describe.skip;

const SMALL = '--size digits --side 8 --columns 2 --width-factor 0.25 --batch 1';

describeBrowser('benchmarks in pages', () => {
  let folder: string;
  beforeAll(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-bench-test-'));
  });
  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

  test('compare gradients, time and count each backend, and fill the document', async () => {
    const file = path.join(folder, 'result.json');
    const args = `browser ${SMALL} --backend wasm-2,webgl --variants reversible --rounds 1`;
    const said: string[] = [];
    const output = { out: () => undefined, progress: (line: string) => void said.push(line) };
    await runCommand([...`${args} --warm-ups 1 --json`.split(' '), file], output);
    const result = JSON.parse(fs.readFileSync(file, 'utf8')) as ResultFile;
    const outcomes = result.contests[0]?.outcomes ?? [];
    expect(outcomes.map(({ name }) => name)).toEqual([
      'reversible on wasm, 2 threads',
      'reversible on webgl',
    ]);
    const figures = outcomes.map((outcome) => {
      if (outcome.state !== 'measured') throw new Error(`${outcome.name}: ${said.join('; ')}`);
      expect(outcome.deviation).toBeLessThan(1e-4);
      expect(outcome.residentBytes).toBeNull();
      const { step } = outcome.programs;
      const [sample] = step?.samples ?? [];
      expect(sample?.ms).toBeGreaterThan(0);
      // That of the browser, which computes: this process only waits for it.
      expect(sample?.cpuMs).toBeGreaterThan(0.2 * (sample?.ms ?? NaN));
      expect(step?.firstMs).toBeGreaterThan(0);
      expect(step?.counts?.kernels).toBeGreaterThan(100);
      return step;
    });
    expect(figures[0]?.counts?.device).toBeNull();
    const device = figures[1]?.counts?.device;
    expect(device?.compiled).toBeGreaterThan(20);
    expect(device?.programs).toBeGreaterThan(device?.compiled ?? NaN);
    expect(device?.heldBytes).toBeGreaterThanOrEqual(device?.peakBytes ?? NaN);
    const [page] = generate((name) => (name === 'browser' ? result : null));
    const row = new RegExp(`\\| ${device?.programs} +\\| ${device?.compiled} +\\|`);
    expect(page?.text).toMatch(row);
  });
});
