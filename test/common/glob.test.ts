/** Globs: what fits, compared with the obvious definition, and in what time. */
import * as fc from 'fast-check';

import { matchesGlob } from '../../src/common/glob';
import { runs } from '../support/runs';

/** The definition, in time exponential in the number of stars. */
function fits(text: string, glob: string): boolean {
  if (glob === '') return text === '';
  const [first, rest] = [glob[0], glob.slice(1)];
  if (first === '*') return fits(text, rest) || (text !== '' && fits(text.slice(1), glob));
  return text !== '' && (first === '?' || first === text[0]) && fits(text.slice(1), rest);
}

test('fits what the definition says', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 8 });
  const glob = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*', '?'), maxLength: 7 });
  fc.assert(
    fc.property(text, glob, (t, g) => {
      expect({ t, g, fits: matchesGlob(t, g) }).toEqual({ t, g, fits: fits(t, g) });
    }),
    { numRuns: runs(300) },
  );
});

test.each(['()', '[a-z]', 'a|b', '\\d', '^$', '{a,b}', '+', '\n', 'é😀'])(
  '%j means itself only',
  (text) => {
    expect(matchesGlob(text, text)).toBe(true);
    expect(matchesGlob(`-${text}-`, `*${text}*`)).toBe(true);
    expect(matchesGlob('ab', text)).toBe(false);
  },
);

// Each takes hours or fails when a star becomes `.*` of a regular expression.
test.each([
  ['stars in a row', `${'*'.repeat(100_000)}x`],
  ['stars between letters', `${'*a'.repeat(50)}*b`],
  ['stars between any letters', `${'*?'.repeat(50)}*b`],
])('%s take no time', (_, glob) => {
  const text = 'a'.repeat(2000);
  const start = performance.now();
  expect(matchesGlob(text, glob)).toBe(false);
  expect(matchesGlob(`${text}b`, glob.replace(/x$/, 'b'))).toBe(true);
  // Some milliseconds; a thousand times that on a busy machine is still far from hours.
  expect(performance.now() - start).toBeLessThan(5000);
});
