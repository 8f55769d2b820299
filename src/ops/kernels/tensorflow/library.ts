/**
 * The package's own library of TensorFlow operations (`native/`): where it is looked for, when it is loaded,
 * and why it is not. Only for Node; builds for browsers do not hold this file.
 */
import * as tf from '@tensorflow/tfjs-core';

import { ownFile } from '../../../common/own_file';
import type { NodeBackend } from './backend';

/** tfjs flag: set it to false to compute by TensorFlow's own operations alone. Default true. */
export const NATIVE_FLAG = 'REVCOL_NATIVE';

/** The version of the operations that this package calls: `kInterface` in `native/source/operations.h`. */
export const INTERFACE = 3;

/** Tells tfjs of the flag. */
export function registerNativeFlag(): void {
  tf.env().registerFlag(NATIVE_FLAG, () => !['off', 'false', '0'].includes(wish()));
}

/** What the environment variable of the flag's name says. */
const wish = (): string => (typeof process === 'undefined' ? '' : (process.env[NATIVE_FLAG] ?? ''));

/** How the library computes. */
export interface NativeChoice {
  /** Instruction set of the processor: `avx512`, `avx2` or `plain`. */
  instructions: string;
  /** Threads that share the work of an operation. */
  threads: number;
}

/** What the library gives to Node. */
interface Library {
  interface: number;
  /** What it was built from. */
  source: string;
  instructionSets: string[];
  choose(instructions: string, threads: number): NativeChoice;
}

/** Which path backend 'tensorflow' takes: the library's operations, or why not. */
export type NativeOperations =
  ({ on: true; file: string } & NativeChoice) | { on: false; reason: string };

interface Loaded {
  file: string;
  library: Library;
}

let loaded: Loaded | undefined;
/** The backend that loading failed for, and why: another may bring another TensorFlow. */
let failed: { backend: NodeBackend; reason: string } | undefined;

const backendHere = () => tf.findBackend('tensorflow') as unknown as NodeBackend | null;

/** Loads the library unless that was done or tried before. */
function load(backend: NodeBackend): Loaded | undefined {
  if (loaded || failed?.backend === backend) return loaded;
  try {
    loaded = loadFirst(libraryFiles());
  } catch (error) {
    failed = { backend, reason: (error as Error).message };
  }
  return loaded;
}

/** Whether the operations of the library are used: it is there, switched on, and the backend has no GPU. */
export function nativeIsOn(): boolean {
  if (!tf.env().getBool(NATIVE_FLAG)) return false;
  const backend = backendHere();
  return backend != null && !backend.isUsingGpuDevice && load(backend) !== undefined;
}

/**
 * Says whether this package computes with its own library of operations on backend 'tensorflow', and loads
 * the library if need be. It is used where it has been built (`npx tfjs-revcol native`) or is installed, the
 * backend computes on the CPU, and nobody has switched it off: by the tfjs flag `REVCOL_NATIVE`
 * (`tf.env().set('REVCOL_NATIVE', false)`), at any time, or by the environment variable `REVCOL_NATIVE=off`.
 * Otherwise the same is computed by TensorFlow's own operations, which takes longer.
 *
 * The environment variable may also name the library's file. `REVCOL_NATIVE_INSTRUCTIONS` chooses among
 * `avx512`, `avx2` and `plain`; otherwise it is the best that the processor has. The threads are as many
 * as TensorFlow's: `TF_NUM_INTRAOP_THREADS`, else one for each processor.
 *
 * @returns `on: true` with the file, the instruction set and the number of threads; or `on: false` and the
 *   reason
 */
export function nativeOperations(): NativeOperations {
  registerNativeFlag();
  if (!tf.env().getBool(NATIVE_FLAG)) return off(`the tfjs flag ${NATIVE_FLAG} is false`);
  const backend = backendHere();
  if (backend == null) return off("backend 'tensorflow' is not there; import tfjs-node first");
  if (backend.isUsingGpuDevice)
    return off('the backend computes on a GPU; the library is for CPUs');
  const found = load(backend);
  if (!found) return off(failed?.reason ?? '');
  return { on: true, file: found.file, ...found.library.choose('', 0) };
}

const off = (reason: string): NativeOperations => ({ on: false, reason });

/** Instruction sets that the loaded library has for this processor, the best first; none without it. */
export function instructionSets(): readonly string[] {
  return nativeIsOn() ? (loaded as Loaded).library.instructionSets : [];
}

/** A hash of the source that the loaded library was built from; undefined without it. */
export function librarySource(): string | undefined {
  return nativeIsOn() ? loaded?.library.source : undefined;
}

/**
 * Chooses how the library computes from now on, in this process. An empty name, and 0, leave what was
 * chosen.
 *
 * @throws {Error} where the library is not on, or the processor has no such instructions
 */
export function chooseNative(instructions: string, threads: number): NativeChoice {
  if (!nativeIsOn()) throw new Error(`the library of TensorFlow operations is off: ${reasonOf()}`);
  return (loaded as Loaded).library.choose(instructions, threads);
}

function reasonOf(): string {
  const state = nativeOperations();
  return state.on ? '' : state.reason;
}

/** The name of the built library for this system. */
export function libraryName(): string {
  return `revcol_operations-${process.platform}-${process.arch}.node`;
}

/** Of the package that may bring the library built. */
const prebuiltPackage = () => `tfjs-revcol-native-${process.platform}-${process.arch}`;

/**
 * Files of the library, those that are there: the one that the environment names, else the one that was
 * built here, and the one of an installed package.
 *
 * @throws {Error} where there is none
 */
function libraryFiles(): readonly string[] {
  const named = wish();
  if (!['', 'on', 'true', '1'].includes(named)) return [named];
  // By this function of newer versions Node's modules come without an import, which would make every
  // entry asynchronous, and which bundlers for browsers would look for.
  if (typeof process.getBuiltinModule !== 'function') {
    throw new Error(
      `this version of Node (${process.version}) cannot look for the library; name its file in the ` +
        `environment variable ${NATIVE_FLAG}, or use Node 20.16, 22.3 or later`,
    );
  }
  const { existsSync } = process.getBuiltinModule('node:fs');
  const { dirname, join } = process.getBuiltinModule('node:path');
  const { fileURLToPath } = process.getBuiltinModule('node:url');
  const own = ownFile(import.meta.url, fileURLToPath);
  if (own === undefined) {
    throw new Error(
      'the library is looked for from where this package lies, which a bundle of it does not know; name its file in ' +
        `the environment variable ${NATIVE_FLAG}, or tell the bundler to leave tfjs-revcol external`,
    );
  }
  // Where Node looks for packages, from this file upwards; the package itself comes first.
  const filesFrom = (folder: string): string[] => [
    join(folder, 'native', 'build', libraryName()),
    join(folder, 'node_modules', 'tfjs-revcol', 'native', 'build', libraryName()),
    join(folder, 'node_modules', prebuiltPackage(), libraryName()),
    ...(dirname(folder) === folder ? [] : filesFrom(dirname(folder))),
  ];
  const found = filesFrom(dirname(own)).filter((file) => existsSync(file));
  if (found.length > 0) return found;
  throw new Error('the library has not been built here; npx tfjs-revcol native builds it');
}

/** @throws {Error} with the reason of the first file, where none can be loaded */
function loadFirst(files: readonly string[]): Loaded {
  const reasons: string[] = [];
  for (const file of files) {
    try {
      return { file, library: loadLibrary(file) };
    } catch (error) {
      reasons.push(`${file}: ${(error as Error).message}`);
    }
  }
  throw new Error(reasons[0]);
}

/**
 * Looks into a file for what the library of this version says of itself. What is loaded stays in the process, and
 * TensorFlow takes an operation of a name once, so that an old file may not be loaded before a right one.
 *
 * @throws {Error} where the file is of another version
 */
function requireMark(file: string): void {
  let content: Buffer;
  try {
    // Where there is no such function, the file is the only one that could be loaded.
    const found = process.getBuiltinModule?.('node:fs').readFileSync(file);
    if (!found) return;
    content = found;
  } catch {
    // Loading tells what is the matter.
    return;
  }
  if (!content.includes(`tfjs-revcol operations ${INTERFACE}\0`)) throw otherVersion();
}

const otherVersion = () =>
  new Error(
    `is of another version (this package's operations are ${INTERFACE}); build it again: npx tfjs-revcol native`,
  );

/** @throws {Error} where it cannot be loaded, or is not this package's */
function loadLibrary(file: string): Library {
  requireMark(file);
  const module = { exports: {} as Library };
  process.dlopen(module, file);
  const library = module.exports;
  if (library.interface !== INTERFACE) throw otherVersion();
  library.choose(process.env[`${NATIVE_FLAG}_INSTRUCTIONS`] ?? '', 0);
  return library;
}
