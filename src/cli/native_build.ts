/** Compiles the package's library of TensorFlow operations. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { ofLines } from '../common/harmless';
import { writeWhole } from '../model_files/write_whole';
import { libraryName } from '../registry/native_operations';

const run = promisify(execFile);

/** The folder `native` of the package, from this file as well as from the built one. */
const NATIVE = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../native');

const SOURCE = path.join(NATIVE, 'source');

/** Where the library is looked for. */
export const defaultFile = (): string => path.join(NATIVE, 'build', libraryName());

/** Compilers that are tried, the first that is there. */
const COMPILERS = ['g++', 'clang++', 'c++'];

const FLAGS = [
  '-std=c++17',
  '-O3',
  '-fPIC',
  '-fvisibility=hidden',
  '-ffunction-sections',
  '-fno-math-errno',
  '-fno-trapping-math',
  // A product and a sum in one instruction where the processor has it.
  '-ffp-contract=fast',
  '-Wall',
];

/** Instructions that files are compiled for whose names end so; everything else runs on every processor. */
const INSTRUCTIONS: Readonly<Record<string, readonly string[]>> = {
  '_avx2.cc': ['-mavx2', '-mfma'],
  '_avx512.cc': [
    ...['-mavx512f', '-mavx512vl', '-mavx512dq', '-mavx512bw', '-mfma'],
    '-mprefer-vector-width=512',
  ],
};

/** Files whose numbers are to be the same everywhere: every operation in them is rounded by itself. */
const EXACT = /^exact_/;

/** Node cannot unload a library whose threads run. */
const LINK = ['-shared', '-pthread', '-s', '-Wl,--gc-sections', '-Wl,-z,nodelete'];

/** How to build the library. */
export interface NativeBuild {
  /** The file to write. Default: where the package looks for it. */
  out?: string;
  /** Compiler of C++17. Default: the environment variable `CXX`, else g++ or clang++. */
  compiler?: string;
  /** More options for the linker's call, such as `-static-libstdc++`. */
  link?: readonly string[];
}

/** What was built. */
export interface NativeBuilt {
  file: string;
  compiler: string;
  bytes: number;
}

/**
 * Builds the library. The file is there whole or not at all.
 *
 * @throws {Error} when this system is not Linux, there is no compiler, or it fails; with what it says
 */
export async function buildNative({ out, compiler, link = [] }: NativeBuild): Promise<NativeBuilt> {
  if (process.platform !== 'linux') {
    throw new Error(
      `the library of TensorFlow operations is for Linux, this is ${process.platform}; ` +
        "the package works without it, on TensorFlow's own operations",
    );
  }
  const file = path.resolve(out ?? defaultFile());
  const chosen = await findCompiler(compiler ?? (process.env.CXX || undefined));
  await fs.mkdir(path.dirname(file), { recursive: true });
  const folder = await fs.mkdtemp(path.join(path.dirname(file), 'building-'));
  try {
    const objects = await compileAll(chosen, folder);
    await writeWhole({
      [file]: (unfinished) =>
        compile(chosen, [...LINK, ...link, '-o', unfinished, ...objects, '-ldl']),
    });
    const { size } = await fs.stat(file);
    return { file, compiler: chosen, bytes: size };
  } finally {
    await fs.rm(folder, { recursive: true, force: true });
  }
}

/** What the library's code is, in short: the library tells what it was built from. */
export async function sourceHash(): Promise<string> {
  const hash = createHash('sha256');
  for (const name of (await fs.readdir(SOURCE)).sort()) {
    hash.update(name).update(await fs.readFile(path.join(SOURCE, name)));
  }
  return hash.digest('hex').slice(0, 16);
}

async function findCompiler(wanted: string | undefined): Promise<string> {
  for (const compiler of wanted === undefined ? COMPILERS : [wanted]) {
    try {
      await run(compiler, ['--version']);
      return compiler;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue;
      throw new Error(`the compiler ${compiler} does not run: ${(error as Error).message.trim()}`, {
        cause: error,
      });
    }
  }
  throw new Error(
    `there is no C++ compiler (${wanted ?? COMPILERS.join(', ')}); install one, on Debian and Ubuntu by ` +
      'apt-get install g++, or name one with --compiler. The package works without the library, on ' +
      "TensorFlow's own operations",
  );
}

function instructionsOf(name: string): readonly string[] | undefined {
  return Object.entries(INSTRUCTIONS).find(([end]) => name.endsWith(end))?.[1];
}

async function compileAll(compiler: string, folder: string): Promise<string[]> {
  const files = (await fs.readdir(SOURCE)).filter((name) => name.endsWith('.cc')).sort();
  // Those for instructions that other architectures do not have.
  const wanted = files.filter((name) => process.arch === 'x64' || !instructionsOf(name));
  const version = `-DREVCOL_SOURCE="${await sourceHash()}"`;
  const objects: string[] = [];
  for (const name of wanted) {
    const object = path.join(folder, `${name}.o`);
    const exact = EXACT.test(name) ? ['-ffp-contract=off'] : [];
    const flags = [...FLAGS, version, ...(instructionsOf(name) ?? []), ...exact];
    await compile(compiler, [...flags, '-c', path.join(SOURCE, name), '-o', object]);
    objects.push(object);
  }
  return objects;
}

async function compile(compiler: string, args: readonly string[]): Promise<void> {
  try {
    await run(compiler, args);
  } catch (error) {
    const { stderr = '', message } = error as Error & { stderr?: string };
    const said = `${compiler} failed:\n${stderr.trim() || message}`;
    throw ofLines(new Error(said, { cause: error }));
  }
}
