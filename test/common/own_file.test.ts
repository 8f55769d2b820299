/** Where a module lies, by whatever stands for `import.meta.url`. */
import { fileURLToPath } from 'node:url';

import { ownFile } from '../../src/common/own_file';

test.each([
  ['file:///a/b%20c.js', '/a/b c.js'],
  ['/a/b.cjs', '/a/b.cjs'],
  ['C:\\a\\b.cjs', 'C:\\a\\b.cjs'],
  ['https://a.invalid/b.js', undefined],
  ['webpack-internal:///b.js', undefined],
  ['blob:https://a.invalid/1', undefined],
  ['', undefined],
  [undefined, undefined],
  [{}, undefined],
])('%j', (here, expected) => {
  expect(ownFile(here, fileURLToPath)).toBe(expected);
});
