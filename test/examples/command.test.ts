/** How examples are started: help of every one, and what is wrong with what they are given in a line. */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { gzipSync } from 'node:zlib';

import { readIdx } from '../../examples/pictures/idx';
import { helpOf, told } from '../../examples/shared/command';
import { folderOf } from '../pictures/folders';

const EXAMPLES = path.join(__dirname, '../../examples');

test('every example reads its arguments in the same way, and says at its head how it is used', () => {
  const files = fs.readdirSync(EXAMPLES).filter((name) => name.endsWith('.ts'));
  expect(files).toContain('scenes.ts');
  for (const file of files) {
    const source = fs.readFileSync(path.join(EXAMPLES, file), 'utf8');
    expect({ file, reads: source.match(/readArguments\(import\.meta\.url, \{/g)?.length }).toEqual({
      file,
      reads: 1,
    });
    // What would tell of failures in another way.
    expect({ file, others: source.match(/parseArgs|console\.error\(error\)/) }).toEqual({
      file,
      others: null,
    });
    expect(helpOf(source, {})).toMatch(/^\S.*(npx tsx examples\/|npm (start|run))/s);
  }
});

test('help has the head of the file, and the options with what is said of them', () => {
  const source = `/**
 * Learns.
 *
 *   npx tsx examples/learn.ts
 */
const options = {
    /** Where the pictures are. */
    data: { type: 'string' },
    'batch-size': { type: 'string', default: '32' },
    check: { type: 'boolean' },`;
  const options = {
    data: { type: 'string' },
    'batch-size': { type: 'string', default: '32' },
    check: { type: 'boolean' },
  } as const;
  expect(helpOf(source, { options })).toBe(`Learns.

  npx tsx examples/learn.ts

Options:
  --data VALUE        Where the pictures are.
  --batch-size VALUE  default: 32
  --check
`);
});

test('a mistake is told in a line, a fault in the program with where it is', () => {
  expect(told(new Error('give --data'))).toBe('give --data');
  expect(told(Object.assign(new TypeError("Unknown option '--x'"), { code: 'ERR_PARSE' }))).toBe(
    "Unknown option '--x'",
  );
  expect(told(new TypeError('x is undefined'))).toMatch(/^TypeError: x is undefined\n +at /);
  expect(told('nothing')).toBe('nothing');
});

test('what is no folder of Fashion-MNIST is told', () => {
  const idx = (...numbers: number[]) => {
    const bytes = Buffer.alloc(4 * numbers.length);
    numbers.forEach((number, i) => bytes.writeUInt32BE(number, 4 * i));
    return bytes;
  };
  const pixels = Buffer.alloc(8, 7);
  const whole = {
    'images-idx3-ubyte.gz': gzipSync(Buffer.concat([idx(0x803, 2, 2, 2), pixels])),
    'labels-idx1-ubyte.gz': gzipSync(Buffer.concat([idx(0x801, 2), Buffer.from([1, 0])])),
  };
  const files = (part: string, other: object = {}) =>
    Object.entries({ ...whole, ...other }).map(([name, bytes]) => [`${part}-${name}`, bytes]);
  const place = folderOf(
    Object.fromEntries([
      ...files('whole'),
      ...files('cut', { 'images-idx3-ubyte.gz': gzipSync(idx(0x803, 2)) }),
      ...files('few', { 'labels-idx1-ubyte.gz': gzipSync(idx(0x801, 2)) }),
      ...files('plain', { 'images-idx3-ubyte.gz': idx(0x803, 2, 2, 2) }),
    ]) as Record<string, Uint8Array>,
  );
  expect(readIdx(place, 'whole')).toMatchObject({ count: 2, height: 2, width: 2, pixels });
  for (const part of ['cut', 'few']) {
    expect(() => readIdx(place, part)).toThrow(`${part} is not pictures and labels in IDX format`);
  }
  expect(() => readIdx(place, 'plain')).toThrow(
    /plain-images-idx3-ubyte\.gz cannot be read: .*; give --data/,
  );
  expect(() => readIdx(place, 'train')).toThrow(
    /train-images-idx3-ubyte\.gz is not there; give --data/,
  );
  fs.rmSync(place, { recursive: true });
});

test('as a program: help, and a line for what is wrong', () => {
  const run = (...args: string[]) => {
    const words = ['--import', 'tsx', path.join(EXAMPLES, 'fashion-pictures.ts'), ...args];
    const { status, stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' });
    return { status, stdout, stderr };
  };
  const help = run('--data', 'x', '--help');
  expect(help).toMatchObject({ status: 0, stderr: '' });
  expect(help.stdout).toContain('  --out VALUE');
  expect(run('--data', '/nowhere', '--out', '/nowhere')).toEqual({
    status: 1,
    stdout: '',
    stderr: expect.stringMatching(
      /^\/nowhere\/train-\S+ is not there; give --data[^\n]*\n$/,
    ) as string,
  });
});
