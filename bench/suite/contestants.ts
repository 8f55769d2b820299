/** Who takes part: every contestant by name, how it is started, and what it needs to be there. */
import * as fs from 'node:fs';
import * as path from 'node:path';

import { CHROMIUM } from '../../test/browser/chromium';
import { type Entrant, ROOT } from './entrant';
import type { Task } from './messages';
import type { Command } from './worker_process';
import { isOperations, type Workload } from './workload';

export { type Entrant, ROOT };

/** Where `npm run bench:peers` puts what no dependency of this package is. */
export const PEERS_FOLDER = process.env.REVCOL_PEERS ?? path.join(ROOT, '.peers');

/** Peers by the name on the command line. */
export const PEERS = [
  'pytorch',
  'pytorch-checkpointed',
  'onnxruntime-node',
  'onnxruntime-web',
] as const;
export type Peer = (typeof PEERS)[number];

/** Backends of tfjs on which this package and stock tfjs run; wasm also on two threads. */
export const BACKENDS = ['tensorflow', 'wasm', 'wasm-2', 'cpu'] as const;
export type Backend = (typeof BACKENDS)[number];

/** Backends in a page, by name; wasm with one thread and with two. */
export const PAGE_BACKENDS = ['wasm', 'wasm-2', 'webgl', 'webgpu'] as const;
export type PageBackend = (typeof PAGE_BACKENDS)[number];

/** Variants of a network on tfjs; `plain`: reversible, on TensorFlow's own operations alone. */
export const VARIANTS = ['reversible', 'plain', 'stored', 'stock'] as const;
export type Variant = (typeof VARIANTS)[number];

/** A script of the suite as a process; TypeScript is compiled on the way. */
function script(file: string): (task: Task) => Command {
  return (task) => ({
    file: process.execPath,
    args: ['--import', 'tsx', path.join(ROOT, file), JSON.stringify(task)],
    env: {
      TF_CPP_MIN_LOG_LEVEL: '2',
      TF_NUM_INTRAOP_THREADS: String(task.threads),
      ...(task.variant === 'plain' ? { REVCOL_NATIVE: 'off' } : {}),
    },
  });
}

/** A backend by its name among contestants, and how many threads it takes: `wasm-2` takes two. */
function backendOf(name: Backend | PageBackend, threads: number) {
  const [backend, own] = name.split('-') as [string, string?];
  return { backend, threads: own === undefined ? threads : Number(own) };
}

function titleOf(variant: Variant, backend: string, threads: number): string {
  return `${variant} on ${backend}${backend === 'tensorflow' || threads === 1 ? '' : `, ${threads} threads`}`;
}

function tfjsEntrant(variant: Variant, name: Backend, wanted: number): Entrant {
  const native = path.join(ROOT, '.native/ready');
  const { backend, threads } = backendOf(name, name === 'tensorflow' ? wanted : 1);
  const missing =
    backend === 'tensorflow' && !fs.existsSync(native)
      ? { what: 'backend tensorflow', install: 'npm run native' }
      : null;
  return {
    name: titleOf(variant, backend, threads),
    missing,
    task: { variant, backend, threads },
    command: script('bench/contestants/tfjs.ts'),
  };
}

/** A contestant in a page of Chromium. */
function pageEntrant(variant: Variant, name: PageBackend): Entrant {
  const { backend, threads } = backendOf(name, 1);
  return {
    name: titleOf(variant, backend, threads),
    missing: CHROMIUM
      ? null
      : { what: 'Chromium', install: 'npx playwright-core install chromium' },
    task: { variant, backend, threads },
    command: script('bench/browser/contestant.ts'),
    inPage: true,
  };
}

/** Everyone who takes part in a page, reference first. */
export function pageEntrants(
  backends: readonly PageBackend[],
  variants: readonly Variant[],
): Entrant[] {
  return backends.flatMap((backend) => variants.map((variant) => pageEntrant(variant, backend)));
}

function pythonEntrant(peer: Peer, name: string, threads: number): Entrant {
  const python = path.join(PEERS_FOLDER, 'python/bin/python');
  return {
    name,
    missing: fs.existsSync(python)
      ? null
      : { what: 'PyTorch', install: 'npm run bench:peers -- pytorch' },
    task: { variant: peer, backend: null, threads },
    command: (task) => ({
      file: python,
      args: [path.join(ROOT, 'bench/peers/torch_worker.py'), JSON.stringify(task)],
      env: { OMP_NUM_THREADS: String(task.threads) },
    }),
  };
}

function onnxEntrant(peer: Peer, threads: number): Entrant {
  const needs = [`node_modules/${peer}/package.json`, 'python/bin/python'];
  const missing = needs.every((file) => fs.existsSync(path.join(PEERS_FOLDER, file)))
    ? null
    : { what: peer, install: `npm run bench:peers -- pytorch ${peer}` };
  return {
    name: peer,
    missing,
    task: { variant: peer, backend: null, threads: peer === 'onnxruntime-web' ? 1 : threads },
    command: script('bench/peers/onnx.ts'),
  };
}

/** What the command line asks for. */
export interface Wanted {
  backends: readonly Backend[];
  variants: readonly Variant[];
  peers: readonly Peer[];
  threads: number;
}

/** Why a contestant has no part in a workload; null when it has. */
export function unfit(entrant: Entrant, workload: Workload): string | null {
  const { variant, backend, threads } = entrant.task;
  const trains = !isOperations(workload) && workload.pass === 'step';
  if (variant === 'stock' && backend === 'wasm' && threads > 1 && !entrant.inPage) {
    return 'has one thread in Node';
  }
  if (variant === 'plain' && backend !== 'tensorflow') return 'differs only on tensorflow';
  if (isOperations(workload)) {
    return ['reversible', 'plain', 'stock', 'pytorch'].includes(variant)
      ? null
      : 'has no single operations';
  }
  if (workload.network.kind === 'segmenter') {
    if (variant === 'stock') return 'has no segmenter';
    // Pooling to grids that do not divide the map has no operator there.
    if (variant.startsWith('onnxruntime')) return 'is not exported to';
  }
  if (variant.startsWith('onnxruntime')) return trains ? 'does not train' : null;
  // Without gradients they are the same as the other of their kind.
  if (!trains && (variant === 'stored' || variant === 'pytorch-checkpointed')) {
    return 'differs only in training';
  }
  return null;
}

/** Everyone who takes part, reference first: a peer where there is one, for ratios to it. */
export function entrants(wanted: Wanted, workload: Workload): Entrant[] {
  const { backends, variants, peers, threads } = wanted;
  const named: Entrant[] = peers.map((peer) => {
    if (peer === 'pytorch') return pythonEntrant(peer, 'PyTorch', threads);
    if (peer === 'pytorch-checkpointed') {
      return pythonEntrant(peer, 'PyTorch, levels checkpointed', threads);
    }
    return onnxEntrant(peer, threads);
  });
  const own = backends.flatMap((backend) =>
    variants.map((variant) => tfjsEntrant(variant, backend, threads)),
  );
  return [...named, ...own].filter((entrant) => unfit(entrant, workload) === null);
}
