/**
 * The package as a user gets it: built, packed, installed into an empty project from the tarball,
 * imported in each way there is, run, and compiled against.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { build } from 'esbuild';

import { jsdelivr, unpkg } from '../../package.json';
import images from '../pictures/images.json';
import { reactNativeTests } from './packed/react_native';
import { readmeTests } from './packed/readme';
import { twoCopiesTests } from './packed/two_copies';

const ROOT = path.resolve(__dirname, '../..');
const TSC = require.resolve('typescript/bin/tsc');

/** When the newest of some files and folders was written, in ms. */
function newest(...places: string[]): number {
  return Math.max(
    ...places.map((place) => {
      const { mtimeMs } = fs.statSync(place);
      if (!fs.statSync(place).isDirectory()) return mtimeMs;
      const inside = fs.readdirSync(place).map((name) => path.join(place, name));
      return inside.length > 0 ? Math.max(mtimeMs, newest(...inside)) : mtimeMs;
    }),
  );
}

/** Whether `dist` is to be built: it is not there as a whole, or older than what it is made of. */
function isOutdated(): boolean {
  const made = ['index.d.cts', 'cli/main.js', 'script/tfjs-revcol.min.js', 'LICENSES.txt'];
  const files = made.map((name) => path.join(ROOT, 'dist', name));
  if (!files.every((file) => fs.existsSync(file))) return true;
  const oldest = Math.min(...files.map((file) => fs.statSync(file).mtimeMs));
  const from = ['src', 'scripts', 'tsup.config.ts', 'package.json', 'package-lock.json'];
  return newest(...from.map((name) => path.join(ROOT, name))) > oldest;
}

/**
 * Prints which classes tfjs knows after the import, and computes features and a gradient with
 * nothing but the peer dependencies and a backend. Production mode keeps tfjs from recommending
 * tfjs-node.
 */
const CHECK = `
const names = ['ReversibleColumn', 'LevelFusion', 'RevColBackbone'];
const map = tf.serialization.SerializationMap.getMap().classNameMap;
tf.enableProdMode();
const backbone = revcol.layers.revColBackbone({
  columns: 3, channels: [4, 8], depths: [1, 1], patchSize: 2, inputShape: [8, 8, 3] });
const features = (x) => backbone.apply(x, { training: true });
const x = tf.randomNormal([2, 8, 8, 3], 0, 1, 'float32', 1);
const y = features(x);
const dx = tf.grad(features)(x, tf.onesLike(y));
const norm = (t) => Math.hypot(...t.dataSync());
console.log(JSON.stringify({
  registered: names.filter((n) => n in map),
  classes: names.filter((n) => typeof revcol[n] === 'function'),
  shape: y.shape,
  computes: norm(y) > 0 && norm(y) < 1e6,
  differentiates: norm(dx) > 0 && norm(dx) < 1e6,
  recompute: typeof revcol.recompute,
  fileSystem: typeof node.fileSystem,
}));`;

const EXPECTED = {
  registered: ['ReversibleColumn', 'LevelFusion', 'RevColBackbone'],
  classes: ['ReversibleColumn', 'LevelFusion', 'RevColBackbone'],
  shape: [2, 2, 2, 8],
  computes: true,
  differentiates: true,
  recompute: 'function',
  fileSystem: 'function',
};

const PROGRAMS: Record<string, [file: string, text: string]> = {
  ESM: [
    'main.mjs',
    `import * as tf from '@tensorflow/tfjs-core';
     import '@tensorflow/tfjs-backend-cpu';
     import * as revcol from 'tfjs-revcol';
     import * as node from 'tfjs-revcol/node';
     ${CHECK}`,
  ],
  CommonJS: [
    'main.cjs',
    `const tf = require('@tensorflow/tfjs-core');
     require('@tensorflow/tfjs-backend-cpu');
     const revcol = require('tfjs-revcol');
     const node = require('tfjs-revcol/node');
     ${CHECK}`,
  ],
  'dynamic import': [
    'dynamic.cjs',
    `const tf = require('@tensorflow/tfjs-core');
     require('@tensorflow/tfjs-backend-cpu');
     Promise.all([import('tfjs-revcol'), import('tfjs-revcol/node')]).then(([revcol, node]) => {
       ${CHECK}
     });`,
  ],
  'ESM and CommonJS together': [
    'both.mjs',
    `import { createRequire } from 'node:module';
     import * as tf from '@tensorflow/tfjs-core';
     import '@tensorflow/tfjs-backend-cpu';
     import 'tfjs-revcol';
     const revcol = createRequire(import.meta.url)('tfjs-revcol');
     import * as node from 'tfjs-revcol/node';
     ${CHECK}`,
  ],
};

/** Entries for parts; what each registers, by its own names and by none of the others'. */
const PARTS: Record<string, { registers: string[] }> = {
  layers: { registers: ['RevColBackbone', 'RevColTokenHead'] },
  models: { registers: ['RevColBackbone', 'RevColTokenHead'] },
  training: { registers: ['RevColAdamW'] },
  adapters: { registers: [] },
  analysis: { registers: [] },
  plan: { registers: ['RevColBackbone', 'RevColTokenHead'] },
  doctor: { registers: ['RevColBackbone', 'RevColTokenHead', 'RevColAdamW'] },
  webgl: { registers: [] },
  webgpu: { registers: [] },
  text: { registers: [] },
  weights: { registers: [] },
  images: { registers: [] },
  convert: { registers: [] },
};

/** Signs of what a page gets, and the entries that may bring it. */
const SIGNS: Record<string, string[]> = {
  'leaves no pixel at the top': ['layers', 'models', 'convert', 'plan', 'doctor', 'analysis'],
  clipPreviousNorm: ['models', 'training', 'plan', 'doctor', 'webgl', 'webgpu'],
  'WebAssembly.Module': ['layers', 'models', 'plan', 'doctor'],
  texelFetch: ['webgl', 'doctor'],
  read_write: ['webgpu', 'doctor'],
  lora_a: ['models', 'adapters', 'plan', 'doctor'],
  'huggingface.co': ['weights', 'models', 'convert', 'plan', 'doctor'],
  indexedDB: ['weights', 'models', 'training', 'convert', 'plan', 'doctor'],
  corpusBleu: ['text'],
  'are no list of lists of ids': ['text', 'models'],
  'got no image': ['models', 'training', 'images', 'analysis'],
  convertCheckpoint: ['convert'],
};

/** What only Node has, and imports that a bundler cannot follow. */
const CODE_OF_NODE =
  /\bnode:|\bprocess\.|\bBuffer\.|\b__dirname\b|\bimport\((?!\s*["'])\w*|\brequire\(/g;

/** Imports one part and prints which of all classes tfjs knows then. */
const PART_CHECK = `
tf.enableProdMode();
const map = tf.serialization.SerializationMap.getMap().classNameMap;
const known = ['RevColBackbone', 'RevColTokenHead', 'RevColAdamW'].filter((n) => n in map);
console.log(JSON.stringify({ known, names: Object.keys(part).length > 0 }));`;

/** A model saved with its optimizer is loaded, with nothing imported but the optimizer's entry. */
const OPTIMIZER_CHECK = `
tf.enableProdMode();
const model = tfl.sequential({ layers: [tfl.layers.dense({ units: 1, inputShape: [2] })] });
model.compile({ optimizer: new part.AdamW({ learningRate: 0.25 }), loss: 'meanSquaredError' });
const weights = await model.optimizer.getWeights();
let saved;
await model.save(
  tf.io.withSaveHandler(async (artifacts) => {
    saved = artifacts;
    return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } };
  }),
  { includeOptimizer: true },
);
const loaded = await tfl.loadLayersModel(tf.io.fromMemory(saved));
console.log(JSON.stringify({
  same: loaded.optimizer instanceof part.AdamW, rate: loaded.optimizer.learningRate,
  weights: weights.length }));`;

/** Pictures of a folder, decoded in a thread; what keeps the process alive would never end. */
const PICTURES_CHECK = `
const { imageFolder } = await load('tfjs-revcol/node');
const source = await imageFolder('pictures');
const read = await Promise.all([0, 1].map((i) => source.read(i)));
const recipe = { options: { inputSize: [8, 8] }, seed: [1] };
const augmented = await source.readTransformed(0, recipe);
console.log(JSON.stringify({
  classNames: source.classNames,
  sizes: [...read, augmented].map(({ width, height, data }) => [width, height, data.length]) }));`;

/** Weights that ship with the package, where there is no network, and no cache can be written. */
const WEIGHTS_CHECK = `
tf.enableProdMode();
const { createModel } = await load('tfjs-revcol');
const fetch = () => Promise.reject(new Error('offline'));
const options = { pretrained: true, fetch, retries: 1, cacheDir: '/dev/null/none' };
const shapes = [];
for (const name of ['revcol_femto.digits', 'revcol_femto.fashion']) {
  const model = await createModel(name, options);
  shapes.push(model.predict(tf.zeros([1, 28, 28, 1])).shape);
}
console.log(JSON.stringify(shapes));`;

/** All entries together hold every class once. */
const IDENTITY_CHECK = `
const differing = Object.entries(parts).flatMap(([part, names]) =>
  Object.keys(names)
    .filter((name) => name !== 'default' && names[name] !== revcol[name])
    .map((name) => part + '.' + name));
const backbone = parts.layers.layers.revColBackbone({ columns: 1, channels: [4, 8], depths: [1, 1] });
console.log(JSON.stringify({
  differing,
  instances: [
    backbone instanceof revcol.RevColBackbone,
    new parts.training.AdamW() instanceof revcol.AdamW,
  ],
}));`;

/** The start of a program that has tfjs and a backend, as a module or as CommonJS. */
const START: Record<'mjs' | 'cjs', (body: string) => string> = {
  mjs: (body) => `
    import * as tf from '@tensorflow/tfjs-core';
    import * as tfl from '@tensorflow/tfjs-layers';
    import '@tensorflow/tfjs-backend-cpu';
    const load = (name) => import(name);
    ${body}`,
  cjs: (body) => `
    const tf = require('@tensorflow/tfjs-core');
    const tfl = require('@tensorflow/tfjs-layers');
    require('@tensorflow/tfjs-backend-cpu');
    const load = require;
    (async () => { ${body} })();`,
};

/** What a typed user writes; `columns` is to be a number. */
const typed = (columns: string) => `
import * as tf from '@tensorflow/tfjs-core';
import { RevColBackbone, createModel, layers, recompute } from 'tfjs-revcol';
import { convertCheckpoint } from 'tfjs-revcol/convert';
import { IMAGENET_CLASSES } from 'tfjs-revcol/imagenet_classes';
import { preprocess } from 'tfjs-revcol/images';
import { layers as sameLayers, type RevColBackbone as SameBackbone } from 'tfjs-revcol/layers';
import { listModels } from 'tfjs-revcol/models';
import { fileSystem } from 'tfjs-revcol/node';
import { beamSearch } from 'tfjs-revcol/text';
import { AdamW } from 'tfjs-revcol/training';
import { loadCheckpoint } from 'tfjs-revcol/weights';

const backbone: RevColBackbone = layers.revColBackbone({
  columns: ${columns}, channels: [4, 8], depths: [1, 1], inputShape: [8, 8, 3] });
const y = backbone.apply(tf.ones([1, 8, 8, 3])) as tf.Tensor;
export const classes: number = createModel('revcol_tiny').outputs.length;
export const used = [y.shape, recompute, fileSystem];
export const parts = [convertCheckpoint, IMAGENET_CLASSES, preprocess, listModels, beamSearch];
export const more = [new AdamW().learningRate, loadCheckpoint];
// Classes have private members: these are one type only if they are declared once.
export const same: SameBackbone = backbone;
export const back: RevColBackbone = sameLayers.revColBackbone();
`;

describe('the packed package', () => {
  let project: string;

  beforeAll(() => {
    project = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-consumer-'));
    const npm = (args: string[], cwd: string) =>
      execFileSync('npm', [...args, '--loglevel=error'], { cwd, encoding: 'utf8' });
    if (isOutdated()) npm(['run', 'build'], ROOT);
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
        '@tensorflow/tfjs@4.22.0',
        '@tensorflow/tfjs-core@4.22.0',
        '@tensorflow/tfjs-layers@4.22.0',
        '@tensorflow/tfjs-backend-cpu@4.22.0',
        '@tensorflow/tfjs-backend-wasm@4.22.0',
      ],
      project,
    );
  });

  afterAll(() => {
    fs.rmSync(project, { recursive: true, force: true });
  });

  test('a test runner in Node that asks for what browsers get can compute, also with CommonJS', () => {
    for (const kind of ['ESM', 'CommonJS']) {
      const [file, text] = PROGRAMS[kind] as [string, string];
      fs.writeFileSync(path.join(project, file), text);
      const { stdout, stderr } = node(['--conditions=browser', file]);
      expect(stderr).toBe('');
      expect(JSON.parse(stdout)).toEqual(EXPECTED);
    }
  });

  /** Runs Node in the project; npm's settings of this run are none of the project's. */
  function node(args: string[]): { stdout: string; stderr: string; status: number | null } {
    const env = { PATH: process.env.PATH, HOME: process.env.HOME };
    return spawnSync(process.execPath, args, { cwd: project, encoding: 'utf8', env });
  }

  test.each(Object.keys(PROGRAMS))('imports as %s, registers, computes, stays silent', (kind) => {
    const [file, text] = PROGRAMS[kind] as [string, string];
    fs.writeFileSync(path.join(project, file), text);
    const { stdout, stderr, status } = node([file]);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual(EXPECTED);
  });

  test('threads of a program that is given on the command line start as those of a file', () => {
    const picture =
      'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC';
    for (const name of ['a', 'b']) {
      const folder = path.join(project, 'of-the-command-line', name);
      fs.mkdirSync(folder, { recursive: true });
      fs.writeFileSync(path.join(folder, '1.png'), Buffer.from(picture, 'base64'));
    }
    const program = `
      import { imageFolder } from 'tfjs-revcol/node';
      const pictures = await imageFolder('of-the-command-line');
      const { width, height } = await pictures.read(0);
      await pictures.close();
      process.stdout.write(JSON.stringify([width, height]));`;
    const { stdout, stderr } = node(['--input-type=module', '--eval', program]);
    expect({ stdout, stderr }).toEqual({ stdout: '[1,1]', stderr: '' });
  });

  describe.each(['mjs', 'cjs'] as const)('in parts, as .%s', (extension) => {
    /** Runs a program and gives what it printed. */
    function output(body: string): unknown {
      const file = `part.${extension}`;
      fs.writeFileSync(path.join(project, file), START[extension](body));
      const { stdout, stderr, status } = node([file]);
      expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
      return JSON.parse(stdout);
    }

    // Those that register nothing can be imported together.
    const silent = Object.keys(PARTS).filter((part) => PARTS[part]?.registers.length === 0);
    const others = Object.entries(PARTS).filter(([, { registers }]) => registers.length > 0);

    test.each([[silent.join(','), { registers: [] }], ...others])(
      '%s: registers what it exports',
      (parts, { registers }) => {
        const loads = parts.split(',').map((part) => `await load('tfjs-revcol/${part}')`);
        const body = `const part = Object.assign({}, ${loads.join(', ')}); ${PART_CHECK}`;
        expect(output(body)).toEqual({ known: registers, names: true });
      },
    );

    test('a folder of pictures, without a word and to the end', () => {
      for (const [name, file] of [
        ['a/1.jpg', images.files['jpeg 4:2:0']],
        ['b/1.png', images.files.png],
      ] as const) {
        const target = path.join(project, 'pictures', name);
        fs.mkdirSync(path.dirname(target), { recursive: true });
        fs.writeFileSync(target, Buffer.from(file.file, 'base64'));
      }
      const size = [images.width, images.height, 3 * images.width * images.height];
      expect(output(PICTURES_CHECK)).toEqual({
        classNames: ['a', 'b'],
        sizes: [size, size, [8, 8, 192]],
      });
    });

    test('has weights that need no network', () => {
      expect(output(WEIGHTS_CHECK)).toEqual([
        [1, 10],
        [1, 10],
      ]);
    });

    test('training alone loads a model that was saved with its optimizer', () => {
      const body = `const part = await load('tfjs-revcol/training'); ${OPTIMIZER_CHECK}`;
      expect(output(body)).toEqual({ same: true, rate: 0.25, weights: 1 });
    });

    test.each(['the main entry first', 'the parts first'])(
      'holds every class once, %s',
      (order) => {
        const main = `const revcol = await load('tfjs-revcol');`;
        // The main entry has not what the doctor's has.
        const shared = Object.keys(PARTS).filter((part) => part !== 'doctor');
        const loads = shared.map((part) => `${part}: await load('tfjs-revcol/${part}')`);
        const parts = `const parts = { ${loads.join(', ')} };`;
        const both = order.startsWith('the main') ? [main, parts] : [parts, main];
        expect(output(`${both.join('\n')} ${IDENTITY_CHECK}`)).toEqual({
          differing: [],
          instances: [true, true],
        });
      },
    );
  });

  test.each<[string, string[], string[]]>([
    // Libraries are checked too, which takes its time: both forms of the types are, at once.
    ['CommonJS and ESM', ['cts', 'mts'], ['--module', 'nodenext']],
    ['bundlers', ['ts'], ['--skipLibCheck', '--module', 'esnext', '--moduleResolution', 'bundler']],
    [
      'old module resolution',
      ['ts'],
      ['--skipLibCheck', '--module', 'commonjs', '--moduleResolution', 'node10'],
    ],
  ])('has types for %s', (_, extensions, module) => {
    const files = extensions.flatMap((extension) =>
      Object.entries({ right: '4', wrong: "'four'" }).map(([name, columns]) => {
        const file = `${name}.${extension}`;
        fs.writeFileSync(path.join(project, file), typed(columns));
        return file;
      }),
    );
    // Only the types of tfjs-layers itself do not hold in strict mode.
    const flags = ['--noEmit', '--strict', ...module];
    const { stdout } = node([TSC, ...flags, '--target', 'es2022', ...files]);
    const found = (stdout.match(/^.*error TS.*$/gm) ?? []).filter(
      (line) => !line.startsWith('node_modules/@tensorflow/tfjs-layers/'),
    );
    const wrong = /^wrong\.(\w+)\(.*error TS2322: Type 'string' is not assignable to type 'number'/;
    expect(found.map((line) => wrong.exec(line)?.[1] ?? line)).toEqual(extensions);
  });

  /** Runs the installed command as npx does, by its link in `.bin`. */
  function command(...args: string[]): ReturnType<typeof node> {
    return node([path.join(project, 'node_modules/.bin/tfjs-revcol'), ...args]);
  }

  test('brings the command tfjs-revcol', () => {
    const help = command('--help');
    expect(help).toMatchObject({ stderr: '', status: 0 });
    expect(help.stdout).toContain('Usage: tfjs-revcol [options] [command]');
    const models = command('models', 'revcol_tiny*');
    expect(models).toMatchObject({ stderr: '', status: 0 });
    expect(models.stdout).toMatch(/^revcol_tiny\.in1k +30\.5 M +4 +224x224 +1000 +82\.2 +135 MB$/m);
    expect(command('inspect', 'none.pth')).toMatchObject({ stdout: '', status: 1 });
  });

  test('the command computes on the wasm backend and decodes with what it brings', () => {
    const size = ['--columns', '1', '--input-size', '32', '--runs', '1'];
    const bench = command('bench', 'revcol_tiny', ...size, '--json');
    expect(bench).toMatchObject({ stderr: '', status: 0 });
    expect(JSON.parse(bench.stdout)).toMatchObject({ backend: 'wasm' });
    // A small model's weights, and an image whose data end too soon: only the decoder finds that.
    const save = `
      import '@tensorflow/tfjs-backend-cpu';
      import { createModel, saveCheckpoint } from 'tfjs-revcol';
      const size = { columns: 2, channels: [4, 4], depths: [1, 1], inputShape: [32, 32, 3] };
      await saveCheckpoint(createModel('revcol_tiny', { ...size, numClasses: 2 }), 'small.safetensors');`;
    fs.writeFileSync(path.join(project, 'save.mjs'), save);
    expect(node(['save.mjs'])).toMatchObject({ status: 0 });
    const bytes = Buffer.from(images.files['jpeg 4:2:0'].file, 'base64');
    const cut = Buffer.concat([bytes.subarray(0, 700), bytes.subarray(-2)]);
    fs.writeFileSync(path.join(project, 'cut.jpg'), cut);
    const { stderr, status } = command('classify', 'cut.jpg', '--weights', 'small.safetensors');
    expect(status).toBe(1);
    expect(stderr).toMatch(/^tfjs-revcol: cut\.jpg: cannot be decoded: .*premature end/im);
  });

  test('keeps the libraries of the command out of the rest', () => {
    const dist = path.join(project, 'node_modules/tfjs-revcol/dist');
    const text = fs
      .readdirSync(dist)
      .filter((name) => /\.c?js$/.test(name) && !name.startsWith('imagenet_classes.'))
      .map((name) => fs.readFileSync(path.join(dist, name), 'utf8'))
      .join('\n');
    expect(text).toContain('RevColBackbone');
    for (const sign of ['CommanderError', 'SingleBar', 'mozjpeg', 'PNG.sync', 'toilet tissue']) {
      expect({ [sign]: text.includes(sign) }).toEqual({ [sign]: false });
    }
  });

  /** What a page loads, at once and on demand, for a line of code. */
  async function bundle(
    contents: string,
    conditions?: string[],
  ): Promise<{ atOnce: string; all: string }> {
    const { outputFiles } = await build({
      stdin: { contents, resolveDir: project },
      bundle: true,
      platform: conditions ? 'neutral' : 'browser',
      conditions,
      // Takes the comments out, which may speak of Node.
      minifyWhitespace: conditions !== undefined,
      format: 'esm',
      splitting: true,
      outdir: 'out',
      write: false,
      external: ['@tensorflow/*'],
      // Some entries do nothing when they are imported for nothing; esbuild says so.
      logLevel: 'error',
    });
    // Without platform 'node' esbuild resolves none of Node's modules, and would have thrown.
    const all = outputFiles.map((file) => file.text).join('\n');
    return { atOnce: outputFiles.find((f) => f.path.endsWith('stdin.js'))?.text ?? '', all };
  }

  test.each([
    ['browsers', ['browser']],
    ['React Native', ['react-native']],
    ['workers', ['worker', 'browser']],
  ])('bundles for %s, without any code of Node', async (_, conditions) => {
    const parts = ['imagenet_classes', ...Object.keys(PARTS)];
    for (const entry of ['tfjs-revcol', ...parts.map((part) => `tfjs-revcol/${part}`)]) {
      const { all } = await bundle(`export * from '${entry}'`, conditions);
      expect(all.length).toBeGreaterThan(1000);
      expect({ entry, found: all.match(CODE_OF_NODE) }).toEqual({ entry, found: null });
    }
  });

  test('the bundles of which that is said are those of the conditions', async () => {
    const { all } = await bundle("export * from 'tfjs-revcol'", ['import']);
    expect([...new Set(all.match(CODE_OF_NODE))].sort()).toEqual(
      expect.arrayContaining(['import(specifier', 'node:', 'process.']),
    );
  });

  test.each(Object.keys(PARTS))('a page with %s carries that and nothing else', async (part) => {
    const { all } = await bundle(`export * from 'tfjs-revcol/${part}'`);
    const brought = Object.keys(SIGNS).filter((sign) => all.includes(sign));
    expect(brought).toEqual(Object.keys(SIGNS).filter((sign) => SIGNS[sign]?.includes(part)));
  });

  test.each(Object.entries(PARTS))(
    'a bundler keeps what importing %s does, and drops all else',
    async (part, { registers }) => {
      const { atOnce } = await bundle(`import 'tfjs-revcol/${part}'`);
      for (const className of registers) expect(atOnce).toContain(className);
      expect(atOnce.includes('registerClass')).toBe(registers.length > 0);
      // Programs are no classes.
      const isSilent = registers.length === 0 && !['webgl', 'webgpu'].includes(part);
      if (isSilent) expect(atOnce.replace(/^\/\/.*$/gm, '').trim()).toBe('');
      expect(atOnce.includes('texelFetch')).toBe(part === 'webgl' || part === 'doctor');
      expect(atOnce.includes('read_write')).toBe(part === 'webgpu' || part === 'doctor');
    },
  );

  reactNativeTests(() => project);
  twoCopiesTests(() => project);
  readmeTests(() => project);

  test('holds what it must and nothing else', () => {
    const folder = path.join(project, 'node_modules/tfjs-revcol');
    const entries = fs.readdirSync(folder).sort();
    expect(entries).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'dist',
      'docs',
      'native',
      'package.json',
      'weights',
    ]);
    expect(fs.readdirSync(path.join(folder, 'native'))).toEqual(['source']);
    for (const file of [unpkg, jsdelivr]) expect(fs.existsSync(path.join(folder, file))).toBe(true);
    for (const entry of ['index', 'node', 'imagenet_classes', ...Object.keys(PARTS)]) {
      for (const kind of ['js', 'cjs', 'd.ts', 'd.cts', 'js.map', 'cjs.map']) {
        expect(fs.existsSync(path.join(folder, 'dist', `${entry}.${kind}`))).toBe(true);
      }
    }
  });

  test('leaves tfjs to its peers', () => {
    const folder = path.join(project, 'node_modules');
    expect(fs.existsSync(path.join(folder, 'tfjs-revcol/node_modules'))).toBe(false);
    // The files name tfjs in import statements and hold none of its code.
    const dist = path.join(folder, 'tfjs-revcol/dist');
    for (const kind of [/\.js$/, /\.cjs$/]) {
      const files = fs.readdirSync(dist).filter((file) => kind.test(file));
      const texts = files.map((file) => fs.readFileSync(path.join(dist, file), 'utf8')).join('\n');
      expect(texts).toMatch(/(from |require\()['"]@tensorflow\/tfjs-core['"]/);
      // Ours only ever refer to it, as tf.KernelBackend.
      expect(texts).not.toMatch(/(?<!\.)\bKernelBackend\b/);
    }
  });
});
