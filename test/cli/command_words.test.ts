/** What was thrown, told to whoever typed a command. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

import { inCommandWords } from '../../src/cli/base/command_words';
import * as main from '../../src/index';
import { cliError } from './run';

const words = (message: string, ...args: string[]) => inCommandWords(new Error(message), args);

test('no function is named that checks its arguments, but files are', () => {
  const entries = fs.readdirSync(path.resolve(__dirname, '../../src/entries'));
  const modules = entries.map((file) => jest.requireActual<object>(`../../src/entries/${file}`));
  const functions = [main, ...modules].flatMap(Object.entries).filter(([name, value]) => {
    const isClass = /^[A-Z]/.test(name as string);
    return typeof value === 'function' && !isClass && /[A-Z]/.test(name as string);
  });
  expect(functions.length).toBeGreaterThan(100);
  for (const [name] of functions) expect(words(`${name}: it is wrong`)).toBe('it is wrong');
  expect(words('Where labels count from 1, set reduceZeroLabel: true')).toMatch(
    /--reduce-zero-label$/,
  );
  // A picture, or a class, that is named as functions are.
  expect(words('myPhoto: is no image')).toBe('myPhoto: is no image');
  expect(words('detect: it is wrong')).toBe('it is wrong');
  expect(words('myPictures: it is wrong', 'segment', 'myPictures')).toBe('myPictures: it is wrong');
});

test('what the system says is told in words, with the path once', async () => {
  const fails = (work: () => unknown) => {
    try {
      work();
    } catch (error) {
      return inCommandWords(error, []);
    }
    return undefined;
  };
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-words-'));
  expect(fails(() => fs.readFileSync('/no/such'))).toBe(
    '/no/such: there is no such file or folder',
  );
  const text =
    "two cannot be listed: ENOENT: no such file or directory, scandir 'two'; there is one";
  expect(words(text)).toBe('two cannot be listed: there is no such file or folder; there is one');
  expect(words("a: ENOSPC: no space left on device, rename 'a' -> 'b'")).toMatch(/^a: the disk is/);
  expect(words('a: ECONNRESET: closed, read')).toBe('a: ECONNRESET: closed, read');
  // Paths may have apostrophes, and what looks like the end of them.
  for (const name of ["it's gone", "the boys' own", "'quoted'", "a', b"]) {
    const gone = path.join(folder, name);
    expect(fails(() => fs.readFileSync(gone))).toBe(`${gone}: there is no such file or folder`);
    expect(await cliError('evaluate', '--coco', gone, '--results', gone)).toBe(
      `${gone} cannot be read: there is no such file or folder`,
    );
  }
  expect(words("a cannot be read: ENOENT: no such file or directory, open '/it's/a'; look")).toBe(
    'a cannot be read: there is no such file or folder; look',
  );
  // The system names no file where it is a folder.
  const json = path.join(folder, 'a.json');
  fs.writeFileSync(json, '{}');
  for (const args of [
    ['evaluate', folder, '-w', 'none', '-l', folder],
    ['evaluate', '--coco', folder, '--results', json],
    ['evaluate', '--coco', json, '--results', json],
  ]) {
    expect(await cliError(...args)).not.toMatch(/EISDIR|a file that was given|parseCoco/);
  }
  expect(await cliError('evaluate', '--coco', folder, '--results', json)).toBe(
    `${folder} cannot be read: it is a folder; a file is expected`,
  );
  fs.rmSync(folder, { recursive: true });
});

test.each([
  ['a text', 'a text'],
  [null, 'failed without a message: null'],
  [undefined, 'failed without a message: undefined'],
  ['', 'failed without a message: ""'],
  [{ message: undefined }, 'failed without a message: {}'],
  [Object.create(null), 'failed without a message: {}'],
  [new RangeError(), 'failed without a message: RangeError'],
  [
    Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' }),
    /: ECONNREFUSED, AggregateError$/,
  ],
])('%p that was thrown is told as well', (thrown: unknown, expected) => {
  const told = inCommandWords(thrown, []);
  if (typeof expected === 'string') expect(told).toBe(expected);
  else expect(told).toMatch(expected);
});
