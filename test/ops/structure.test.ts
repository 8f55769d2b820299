/** Promises about the form of src/ops that neither types nor lint can hold. */
import 'tfjs-revcol';
import * as fs from 'node:fs';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import * as contract from '../../src/ops/kernels/contract';

const SOURCES = path.resolve(import.meta.dirname, '../../src');

/** Paths below src, with slashes. */
function filesOf(folder: string): string[] {
  return fs
    .readdirSync(path.join(SOURCES, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => path.posix.join(folder, ...file.split(path.sep)));
}

const read = (file: string) => fs.readFileSync(path.join(SOURCES, file), 'utf8');

/** What may use kernels: operations, and optimizers. */
const USERS = filesOf('.').filter((file) => !file.startsWith('ops/kernels/'));

/** A folder for each backend that has kernels. */
const BACKENDS = fs
  .readdirSync(path.join(SOURCES, 'ops/kernels'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

/** Registered by the import alone: no operation has run yet. */
const REGISTERED = BACKENDS.map((backend) => ({
  backend,
  ours: tf
    .getKernelsForBackend(backend)
    .map(({ kernelName }) => kernelName)
    .filter((name) => name.startsWith('RevCol')),
}));

describe.each(Object.entries(contract))('the contract %s', (constant, { name }) => {
  test('is used by an operation or an optimizer', () => {
    const use = new RegExp(`\\b(runFused|hasKernel)\\(\\s*${constant}\\b`);
    expect(USERS.filter((file) => use.test(read(file)))).not.toEqual([]);
  });

  test('is fulfilled by a kernel of some backend', () => {
    expect(REGISTERED.filter(({ ours }) => ours.includes(name))).not.toEqual([]);
  });

  test('is the only place that spells the name', () => {
    const spelt = new RegExp(`['"\`]${name}\\b`);
    const files = filesOf('.').filter((file) => spelt.test(read(file)));
    expect(files).toHaveLength(1);
    expect(files[0]).toMatch(/^ops\/kernels\/(optimizer_)?contracts?\.ts$/);
  });
});

test('kernels have a contract, each its own name', () => {
  const names = Object.values(contract).map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const { ours } of REGISTERED) expect(names).toEqual(expect.arrayContaining(ours));
});

test('an operation has another name than every kernel, or it would run itself', () => {
  const names = USERS.flatMap((file) =>
    [...read(file).matchAll(/defineOp\(\{\s*name: '(\w+)'/g)].map((match) => match[1]),
  );
  expect(names.length).toBeGreaterThan(10);
  expect(new Set(names).size).toBe(names.length);
  expect(names.filter((n) => Object.values(contract).some(({ name }) => name === n))).toEqual([]);
});

test('a file of operations begins with what it is', () => {
  const bare = filesOf('ops').filter((file) => {
    // Of its own: not the description of the first declaration.
    const [header] = /^\/\*\*[^]*?\*\/\n(?=\n|import |export \{)/.exec(read(file)) ?? [];
    return header == null;
  });
  expect(bare).toEqual([]);
});
