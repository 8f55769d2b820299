/** Text of others does nothing where it is shown. */
import { harmless, inLines, ofLines, oneLine, warn } from '../../src/common/harmless';

const OBEYED = [
  ...['\u0000', '\u0007', '\b', '\u001b', '\u007f', '\u0085', '\u009b'],
  ...['\u061c', '\u200e', '\u200f', '\u2028', '\u2029', '\u202a', '\u202e', '\u2066', '\u2069'],
];
const UNTOUCHED = 'naïve – 猫 🐈 \u{1f468}\u200d\u{1f469} שלום a\\b "c" <d>';

test('what a terminal would obey is shown as JSON writes it', () => {
  for (const character of OBEYED) {
    for (const show of [harmless, oneLine]) {
      const got = show(`a${character}b`);
      expect(got).toMatch(/^a\\u[0-9a-f]{4}b$/);
      expect(JSON.parse(`"${got}"`)).toBe(`a${character}b`);
    }
  }
  expect([harmless(UNTOUCHED), oneLine(UNTOUCHED)]).toEqual([UNTOUCHED, UNTOUCHED]);
});

test('a name stays in its line', () => {
  expect(harmless('a\n\tb\r\n')).toBe('a\n\tb\\r\n');
  expect(oneLine('a\n\tb\r\n')).toBe('a\\n\\tb\\r\\n');
});

test('messages have lines where they say so', () => {
  const plain = new Error('a\nb');
  expect(inLines(plain, plain.message)).toBe('a\\nb');
  for (const thrown of [null, undefined, 'a\nb']) expect(inLines(thrown, 'a\nb')).toBe('a\\nb');
  const listed = ofLines(new Error('a\n\u001bb'));
  expect(inLines(listed, listed.message)).toBe('a\n\\u001bb');
  expect(Object.keys(listed)).toEqual([]);
});

test('warnings', () => {
  const spy = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
  warn('of x\n\u001b[2J');
  expect(spy.mock.calls).toEqual([['of x\\n\\u001b[2J']]);
  spy.mockRestore();
});
