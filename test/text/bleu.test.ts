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
});
