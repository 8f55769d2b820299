/** Tests that `environment.test.ts` runs: their titles say which of them must fail, and of what. */
import * as fs from 'node:fs/promises';

test('quiet', () => {
  expect(1).toBe(1);
});

test('a caught warning', () => {
  const warn = jest.spyOn(console, 'warn').mockImplementation();
  console.warn('meant');
  expect(warn).toHaveBeenCalledWith('meant');
  warn.mockRestore();
});

test('fails: console.warn: weights %s', () => {
  console.warn('weights %s', 'dropped');
});

test('fails: stderr: 3 %', () => {
  process.stderr.write('3 % done');
});

test('fails: MaxListenersExceededWarning', async () => {
  process.emitWarning('11 listeners', 'MaxListenersExceededWarning');
  await new Promise(setImmediate);
});

test('opens a file', async () => {
  // Kept from the garbage collector, which would close it.
  Object.assign(globalThis, { kept: await fs.open(__filename) });
});

afterAll(() => {
  console.log('after the tests');
});
