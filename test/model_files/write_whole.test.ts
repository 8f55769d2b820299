/** Files that are whole or as they were when the n-th call of the file system fails. */
import * as os from 'node:os';
import * as path from 'node:path';

import { writeWhole } from '../../src/model_files/write_whole';
import { contentOf, failAtEach, wholeDisk as fs } from '../support/failing_disk';

jest.mock('node:fs/promises', () =>
  jest.requireActual<typeof import('../support/failing_disk')>('../support/failing_disk').brittle(),
);

let root: string;
beforeEach(async () => {
  root = await fs.mkdtemp(path.join(os.tmpdir(), 'revcol-whole-'));
});
afterEach(() => fs.rm(root, { recursive: true }));

const base64 = (text: string) => Buffer.from(text).toString('base64');

test('all are new, or as they were, and nothing else is there', async () => {
  const at = (name: string) => path.join(root, name);
  const [first, second, third] = [at('a.txt'), at('b.bin'), at('c.txt')];
  const write = () =>
    writeWhole({
      [first]: 'new a',
      [second]: new Uint8Array([1, 2]),
      [third]: (unfinished) => fs.writeFile(unfinished, 'new c'),
    });
  const before = { 'a.txt': base64('old a'), 'c.txt': base64('old c') };
  const after = { 'a.txt': base64('new a'), 'b.bin': 'AQI=', 'c.txt': base64('new c') };
  let renamed = 0;
  await failAtEach(
    async () => {
      await fs.rm(root, { recursive: true });
      await fs.mkdir(root);
      await fs.writeFile(first, 'old a');
      await fs.writeFile(third, 'old c');
    },
    write,
    async ({ call, error }) => {
      const file = [first, second, third].find((one) => (error as Error).message.startsWith(one));
      expect((error as Error).message).toBe(`${file} cannot be written: ${causeOf(error)}`);
      const content = await contentOf(root);
      if (!call.startsWith('rename')) return expect(content).toEqual(before);
      // Those whose names came before are new, each of them whole.
      const names = Object.keys(after).slice(0, renamed++) as (keyof typeof after)[];
      const renewed = Object.fromEntries(names.map((name) => [name, after[name]]));
      return expect(content).toEqual({ ...before, ...renewed });
    },
  );
  expect(renamed).toBe(3);
  expect(await contentOf(root)).toEqual(after);
});

const causeOf = (error: unknown) => ((error as Error).cause as Error).message;

test('folders are made, and taken away again where nothing could be written', async () => {
  const file = path.join(root, 'some/folder/a.txt');
  const fails = writeWhole({
    [file]: 'a',
    [path.join(root, 'other/b.txt')]: async (unfinished) => {
      await fs.writeFile(unfinished, 'half');
      throw new Error('the compiler failed');
    },
  });
  await expect(fails).rejects.toThrow(/^the compiler failed$/);
  expect(await fs.readdir(root)).toEqual([]);
  await writeWhole({ [file]: 'a' });
  expect(await fs.readFile(file, 'utf8')).toBe('a');
  await expect(writeWhole({ [path.join(file, 'b.txt')]: 'b' })).rejects.toThrow(
    /b\.txt cannot be written: (ENOTDIR|EEXIST)/,
  );
});

test('a link stays, and so do the permissions of what is replaced', async () => {
  const at = (name: string) => path.join(root, name);
  await fs.mkdir(at('real'));
  await fs.writeFile(at('real/a.txt'), 'old');
  await fs.chmod(at('real/a.txt'), 0o600);
  await fs.symlink('real', at('folder'));
  await fs.symlink('real/a.txt', at('a.txt'));
  // To what is not there yet, by another link.
  await fs.symlink('folder/new/b.txt', at('next.txt'));
  await fs.symlink('next.txt', at('b.txt'));
  // One that a process's mask would make smaller.
  await fs.writeFile(at('c.txt'), 'old');
  await fs.chmod(at('c.txt'), 0o666);
  await writeWhole({
    [at('a.txt')]: 'a',
    [at('b.txt')]: 'b',
    [at('c.txt')]: (unfinished) => fs.writeFile(unfinished, 'c'),
  });
  const modeOf = async (name: string) => (await fs.stat(at(name))).mode & 0o777;
  expect([await modeOf('real/a.txt'), await modeOf('c.txt')]).toEqual([0o600, 0o666]);
  expect(await fs.readlink(at('a.txt'))).toBe('real/a.txt');
  expect(await fs.readlink(at('b.txt'))).toBe('next.txt');
  const read = (name: string) => fs.readFile(at(name), 'utf8');
  expect(await Promise.all(['real/a.txt', 'real/new/b.txt', 'c.txt'].map(read))).toEqual([
    ...['a', 'b', 'c'],
  ]);
  expect((await fs.readdir(at('real'))).sort()).toEqual(['a.txt', 'new']);
  await fs.symlink('loop.txt', at('loop.txt'));
  await expect(writeWhole({ [at('loop.txt')]: 'x' })).rejects.toThrow(
    /loop\.txt cannot be written: ELOOP/,
  );
});
