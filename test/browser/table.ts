/** Which files of the shared tests run in pages, and in which. */
import * as fs from 'node:fs';
import * as path from 'node:path';

import type { Environment } from './in_page/environment';

const TESTS = path.resolve(import.meta.dirname, '..');

/** Rooms whose tests all run in pages, but for those of `ONLY_IN_NODE`. */
const ROOMS = ['ops', 'layers', 'models', 'training'];

/** Tests of other rooms that use a backend. */
const OTHERS = [
  'weights/detection_parity',
  'weights/parity',
  'weights/segmentation_parity',
  'text/decode',
];

/** What needs Node, and why. */
const ONLY_IN_NODE: Readonly<Record<string, string>> = {
  'models/counts': 'reads and writes a table; browser.test.ts counts in a page',
  'models/create_model': "measures the process's memory",
  'models/create_pretrained': 'serves files over HTTP; browser.test.ts downloads in a page',
  'layers/failing_kernels': 'knows callers by the names of their files',
  'models/packaged_text':
    'finds the package on the disk; browser.test.ts finds such weights beside a page',
  'models/packaged_weights': 'finds the package on the disk',
  'models/saving': 'saves to files',
  'models/saving_nested': 'loads from files',
  'ops/reversible/failures': 'knows callers by the names of their files',
  'ops/structure': 'reads the sources',
  'training/adamw_saving': 'saves to files',
  'training/adamw_v0_1_0': 'loads from files',
  'training/killed_training': 'kills processes',
  'training/resumed_steps': 'saves to files',
  'ops/kernels/native': "knows where the command builds the library, of TensorFlow's backend",
  'ops/kernels/native_sizes': "builds with the command's sources, of TensorFlow's backend",
  'ops/kernels/thread_pool': "starts Node's threads; browser/in_page has those of pages",
  'ops/kernels/wasm_threads': 'starts processes; browser/in_page has threads of pages',
  'training/saved_training_files': 'saves to files; browser/in_page has IndexedDB',
};

function filesIn(room: string): string[] {
  return fs
    .readdirSync(path.join(TESTS, room), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => `${room}/${file.slice(0, -'.test.ts'.length).split(path.sep).join('/')}`)
    .filter((file) => !Object.hasOwn(ONLY_IN_NODE, file))
    .sort();
}

/** Tests of what only pages have. */
const ONLY_IN_PAGES = filesIn('browser/in_page');

/** All tests that run in pages. */
export const FILES: readonly string[] = [...ONLY_IN_PAGES, ...ROOMS.flatMap(filesIn), ...OTHERS];

/** Those that are about tfjs's wasm backend, and run on no other. */
const ABOUT_WASM = /^ops\/kernels\/wasm_/;
const ON_WEBGL = FILES.filter((file) => !ABOUT_WASM.test(file));

/** An environment and the files that run in it. */
export interface Row {
  environment: Environment;
  files: readonly string[];
}

type BrowserName = Environment['browser'];

const environments = (browser: BrowserName) => {
  const wasm: Environment = { browser, backend: 'wasm', where: 'page', threads: 1, simd: true };
  const webgl: Environment = { ...wasm, backend: 'webgl' };
  const webgpu: Environment = { ...wasm, backend: 'webgpu' };
  return { wasm, webgl, webgpu };
};
const WORKERS = ['module worker', 'classic worker'] as const;

/** What workers could change: how a backend starts, reads, and loses its device. */
const IN_WORKERS = [
  'ops/attention/attention_goldens',
  'ops/blocks/level_functions',
  'ops/engine/memory_peak',
  'ops/gradients',
  'ops/reversible/late_alphas',
  'training/training_step',
];

/**
 * What of the table webgpu runs. Without a GPU a step of training takes half a minute there, so these
 * are the files with small tensors.
 */
const ON_WEBGPU = [
  ...ONLY_IN_PAGES,
  'layers/columns/first_step',
  'ops/attention/attention_goldens',
  'ops/blocks/level_functions',
  'ops/engine/memory_peak',
  'ops/engine/recompute',
  'ops/gradients',
  'ops/kernels/mat_mul',
  'ops/kernels/webgpu',
  'ops/reversible/alphas',
  'ops/reversible/inverse',
  'ops/reversible/late_alphas',
  'training/adamw_failures',
  'training/token_cross_entropy',
  'training/training_step',
];

/** Its networks are chosen to break with too few anchors, by the rounding of SIMD. */
const ROUNDED = 'ops/reversible/anchors';

/**
 * Without a GPU Firefox computes by Mesa's llvmpipe, whose losses of three steps are 1.09e-5 off PyTorch's; the golden
 * allows 1e-5. The other backends are within 5e-6.
 */
const TOO_COARSE_IN_FIREFOX = 'training/adamw';

/** What there is of wasm and webgl, in either browser. */
function allOf(browser: BrowserName): Row[] {
  const { wasm, webgl } = environments(browser);
  const onWebgl = ON_WEBGL.filter(
    (file) => browser !== 'Firefox' || file !== TOO_COARSE_IN_FIREFOX,
  );
  return [
    { environment: wasm, files: FILES },
    { environment: { ...wasm, threads: 2 }, files: FILES },
    { environment: { ...wasm, simd: false }, files: FILES.filter((file) => file !== ROUNDED) },
    ...WORKERS.map((where) => ({ environment: { ...wasm, where }, files: FILES })),
    { environment: webgl, files: onWebgl },
    ...WORKERS.map((where) => ({ environment: { ...webgl, where }, files: IN_WORKERS })),
  ];
}

const { wasm, webgl, webgpu } = environments('Chromium');
const inFirefox = environments('Firefox');

/** `npm run test:browser -- --all`. */
const ALL: readonly Row[] = [
  ...allOf('Chromium'),
  { environment: webgpu, files: ON_WEBGPU },
  ...WORKERS.map((where) => ({ environment: { ...webgpu, where }, files: IN_WORKERS.slice(2, 3) })),
  ...allOf('Firefox'),
];

/** What every run has. */
const SOME: readonly Row[] = [
  {
    environment: { ...wasm, threads: 2 },
    files: [...IN_WORKERS, 'browser/in_page/saved_training', 'browser/in_page/threads'],
  },
  { environment: { ...wasm, simd: false }, files: ['ops/gradients'] },
  ...WORKERS.map((where) => ({
    environment: { ...wasm, where },
    files: ['training/training_step'],
  })),
  {
    environment: webgl,
    files: [
      'browser/in_page/half_precision',
      'browser/in_page/lost_device',
      'browser/in_page/pictures',
      'browser/in_page/saved_training',
      'browser/in_page/warm_up',
      'ops/attention/attention_goldens',
      'ops/dense/gradients',
      'ops/detection/pieces',
      'ops/kernels/webgl',
      'ops/reversible/late_alphas',
      'training/training_step',
      'weights/detection_parity',
      'weights/segmentation_parity',
    ],
  },
  { environment: { ...webgl, where: 'module worker' }, files: ['ops/engine/memory_peak'] },
  {
    environment: webgpu,
    files: ['browser/in_page/split_products', 'ops/kernels/webgpu', 'ops/reversible/late_alphas'],
  },
  {
    environment: { ...inFirefox.wasm, threads: 2 },
    files: ['ops/gradients', 'training/training_step'],
  },
  {
    environment: inFirefox.webgl,
    files: ['browser/in_page/lost_device', 'ops/attention/attention_goldens'],
  },
];

/** The rows of a browser: all there are, or those of every run. */
export const tableOf = (all: boolean, name: BrowserName): readonly Row[] =>
  (all ? ALL : SOME).filter(({ environment }) => environment.browser === name);

/** How test reports call an environment. */
export function titleOf({ browser, backend, where, threads, simd }: Environment): string {
  const how = backend === 'wasm' ? `, ${threads} threads${simd ? '' : ', no SIMD'}` : '';
  return `${backend} in a ${where} of ${browser}${how}`;
}
