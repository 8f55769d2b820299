import { corpusBleu } from 'tfjs-revcol';
import { tokenize13a } from '../../src/text/bleu';
import cases from './bleu.json';

test.each(cases.map((c) => [c.name, c] as const))('%s: as sacreBLEU', (_, expected) => {
  const { translations, references, tokens, name, ...score } = expected;
  expect(name).toBeTruthy();
  expect(translations.map(tokenize13a)).toEqual(tokens);
  const got = corpusBleu(translations, references);
  expect(got.length).toBe(score.length);
  expect(got.referenceLength).toBe(score.referenceLength);
  expect(got.score).toBeCloseTo(score.score, 9);
  expect(got.brevityPenalty).toBeCloseTo(score.brevityPenalty, 12);
  got.precisions.forEach((p, n) => expect(p).toBeCloseTo(score.precisions[n] as number, 9));
});

test('as many references as translations', () => {
  expect(() => corpusBleu(['a'], [])).toThrow('1 translations and 0 references');
  expect(() => corpusBleu([], [])).toThrow('0 translations');
  const wrong: [unknown[], unknown[], RegExp][] = [
    [
      ['a', 'b'],
      [['a', 'b']],
      /references\[0\] is \["a", "b"\]; .* sacreBLEU's .* references\[0\]$/,
    ],
    [[['a', 'b']], ['a b'], /translations\[0\] is \["a", "b"\]; .*tokens\.join\(' '\)/],
    [['a', 'b'], ['a', null], /references\[1\] is null; expected a text for each translation$/],
    [[5], ['a'], /translations\[0\] is 5; expected a text/],
  ];
  for (const [translations, references, message] of wrong) {
    expect(() => corpusBleu(translations as string[], references as string[])).toThrow(message);
  }
});

test('at most 100', () => {
  for (const text of ['a b c d', 'a b c d e', 'one two three four five six seven']) {
    expect(corpusBleu([text], [text]).score).toBe(100);
  }
});
