/**
 * The package as a user gets it: packed, installed into an empty project from the tarball, imported
 * in each way there is.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

const ROOT = path.resolve(__dirname, '../..');

/** Prints which classes tfjs knows after the import, and that a layer can be built and run. */
const CHECK = `
const names = ['ReversibleColumn', 'LevelFusion', 'RevColBackbone'];
const map = tf.serialization.SerializationMap.getMap().classNameMap;
const backbone = revcol.layers.revColBackbone({
  columns: 2, channels: [4, 8], depths: [1, 1], patchSize: 2, inputShape: [8, 8, 3] });
console.log(JSON.stringify({
  registered: names.filter((n) => n in map),
  shape: backbone.computeOutputShape([null, 8, 8, 3]),
  recompute: typeof revcol.recompute,
  fileSystem: typeof node.fileSystem,
}));`;

const PROGRAMS: Record<string, [file: string, text: string]> = {
  ESM: [
    'main.mjs',
    `import * as tf from '@tensorflow/tfjs-core';
     import * as revcol from 'tfjs-revcol';
     import * as node from 'tfjs-revcol/node';
     ${CHECK}`,
  ],
  CommonJS: [
    'main.cjs',
    `const tf = require('@tensorflow/tfjs-core');
     const revcol = require('tfjs-revcol');
     const node = require('tfjs-revcol/node');
     ${CHECK}`,
  ],
  'dynamic import': [
    'dynamic.cjs',
    `const tf = require('@tensorflow/tfjs-core');
     Promise.all([import('tfjs-revcol'), import('tfjs-revcol/node')]).then(([revcol, node]) => {
       ${CHECK}
     });`,
  ],
  'ESM and CommonJS together': [
    'both.mjs',
    `import { createRequire } from 'node:module';
     import * as tf from '@tensorflow/tfjs-core';
     import 'tfjs-revcol';
     const revcol = createRequire(import.meta.url)('tfjs-revcol');
     import * as node from 'tfjs-revcol/node';
     ${CHECK}`,
  ],
};

describe('the packed package', () => {
  let project: string;

  beforeAll(() => {
    project = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-consumer-'));
    const npm = (args: string[], cwd: string) =>
      execFileSync('npm', [...args, '--loglevel=error'], { cwd, encoding: 'utf8' });
    if (!fs.existsSync(path.join(ROOT, 'dist/index.js'))) npm(['run', 'build'], ROOT);
    const packed = npm(['pack', '--json', '--ignore-scripts', '--pack-destination', project], ROOT);
    const [{ filename }] = JSON.parse(packed) as [{ filename: string }];
    fs.writeFileSync(path.join(project, 'package.json'), '{ "private": true }');
    npm(
      [
        'install',
        '--no-audit',
        '--no-fund',
        '--prefer-offline',
        '--ignore-scripts',
        `./${filename}`,
        '@tensorflow/tfjs-core@4.22.0',
        '@tensorflow/tfjs-layers@4.22.0',
        '@tensorflow/tfjs-backend-cpu@4.22.0',
      ],
      project,
    );
  }, 120000);

  afterAll(() => {
    fs.rmSync(project, { recursive: true, force: true });
  });

  test.each(Object.keys(PROGRAMS))('imports as %s, registers its classes, stays silent', (kind) => {
    const [file, text] = PROGRAMS[kind] as [string, string];
    fs.writeFileSync(path.join(project, file), text);
    const { stdout, stderr, status } = spawnSync(process.execPath, [file], {
      cwd: project,
      encoding: 'utf8',
    });
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      registered: ['ReversibleColumn', 'LevelFusion', 'RevColBackbone'],
      shape: [null, 2, 2, 8],
      recompute: 'function',
      fileSystem: 'function',
    });
  });

  test('holds what it must and nothing else', () => {
    const folder = path.join(project, 'node_modules/tfjs-revcol');
    const entries = fs.readdirSync(folder).sort();
    expect(entries).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'dist', 'package.json']);
    for (const file of ['index.js', 'index.cjs', 'index.d.ts', 'index.d.cts', 'node.js']) {
      expect(fs.existsSync(path.join(folder, 'dist', file))).toBe(true);
    }
  });
});
