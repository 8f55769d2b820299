/** `tfjs-revcol doctor`: its processes, what becomes of them, and its exit status. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

import { cacheFindings, packageFindings } from '../../src/cli/doctor/packages';
import { examineInProcess, type ProcessOptions } from '../../src/cli/doctor/process';
import type { DoctorReport } from '../../src/doctor/report';
import { cli } from './run';

const examined = async (backend: string, options: Partial<ProcessOptions> = {}) => {
  const doing: string[] = [];
  const onProgress: ProcessOptions['onProgress'] = (progress) => void doing.push(progress.doing);
  const found = await examineInProcess(backend, { full: false, onProgress, ...options });
  return { ...found.backend, doing };
};

test('a backend that works gives status 0, and a report as JSON', async () => {
  const { status, out, error } = await cli('doctor', '--backend', 'wasm', '--json');
  expect({ status, error }).toEqual({ status: 0, error: '' });
  const report = JSON.parse(out) as DoctorReport;
  expect(report).toMatchObject({ schema: 1, verdict: 'works', fastest: 'wasm' });
  expect(report.backends[0]?.checks.every(({ state }) => state === 'passed')).toBe(true);
});

test('a backend that is not there gives status 3', async () => {
  const { status, out } = await cli('doctor', '--backend', 'webgpu');
  expect(status).toBe(3);
  expect(out).toContain('npm install webgpu @tensorflow/tfjs-backend-webgpu');
});

test('WebAssembly is forbidden', async () => {
  const { state, findings } = await examined('wasm', { execArgv: ['--no-expose-wasm'] });
  expect([state, findings.map(({ code }) => code)]).toEqual(['fails', ['wasm-forbidden']]);
});

/** Runs before anything else in the process. */
const first = (code: string) => ['--import', `data:text/javascript,${encodeURIComponent(code)}`];

test.each([
  [
    'crashes',
    { execArgv: first('process.kill(process.pid, "SIGSEGV")') },
    'crash',
    /SIGSEGV.*crashed/,
  ],
  ['ends', { execArgv: first('process.exit(7)') }, 'crash', /with status 7 while starting/],
  ['has no memory', { execArgv: ['--max-old-space-size=5'] }, 'out-of-memory', /not enough memory/],
  ['never answers', { patience: 0.2 }, 'no-answer', /did not answer/],
])('a process that %s', async (_, options, code, text) => {
  const { state, findings } = await examined('cpu', options);
  expect(state).toBe('fails');
  expect(findings).toEqual([
    expect.objectContaining({ code, text: expect.stringMatching(text) as string }),
  ]);
});

describe('packages', () => {
  let folder: string;
  beforeEach(() => (folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-doctor-'))));
  afterEach(() => fs.rmSync(folder, { recursive: true }));

  function install(at: string, version: string) {
    fs.mkdirSync(path.join(folder, at), { recursive: true });
    fs.writeFileSync(path.join(folder, at, 'package.json'), JSON.stringify({ version }));
  }
  const codes = (node?: string) =>
    packageFindings(path.join(folder, 'main.js'), node).map(({ code }) => code);

  test('in one version and copy are all right', () => {
    install('node_modules/@tensorflow/tfjs-core', '4.22.0');
    install('node_modules/@tensorflow/tfjs-layers', '4.22.0');
    expect(codes()).toEqual([]);
  });

  test('two copies, other versions, and a Node that is too new', () => {
    install('node_modules/@tensorflow/tfjs-core', '4.22.0');
    install('node_modules/@tensorflow/tfjs-layers', '4.20.0');
    install('node_modules/@tensorflow/tfjs-node', '4.22.0');
    install('node_modules/@tensorflow/tfjs-node/node_modules/@tensorflow/tfjs-core', '4.22.0');
    expect(codes('v20.1.0')).toEqual(['versions', 'two-copies']);
    expect(codes('v24.0.0')).toEqual(['versions', 'two-copies', 'node-too-new']);
  });

  test('a cache that cannot be written is named', async () => {
    const before = process.env.TFJS_REVCOL_CACHE;
    install('.', '1.0.0');
    try {
      process.env.TFJS_REVCOL_CACHE = path.join(folder, 'new/folder');
      expect(await cacheFindings()).toEqual([]);
      // Below a file nobody can write, whatever rights they have.
      process.env.TFJS_REVCOL_CACHE = path.join(folder, 'package.json/cache');
      expect((await cacheFindings()).map(({ code }) => code)).toEqual(['cache-read-only']);
    } finally {
      if (before === undefined) delete process.env.TFJS_REVCOL_CACHE;
      else process.env.TFJS_REVCOL_CACHE = before;
    }
  });
});
