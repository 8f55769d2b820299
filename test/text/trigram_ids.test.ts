/** Texts as ids: what counts and what does not, and what is refused. */
import { textWeights } from 'tfjs-revcol';
import { preprocessTexts } from '../../src/text/preprocess_texts';
import { trigramIds } from '../../src/text/trigram_ids';
import { useBackend } from '../support/backends';

const OPTIONS = { vocabularySize: 4096, maxLength: 16 };
const ids = (text: string, maxLength = 16) => trigramIds(text, { vocabularySize: 4096, maxLength });

test('an id for each character, of its neighbours as well', () => {
  const [whole, part] = [ids('abcde'), ids('xbcde')];
  expect(whole).toHaveLength(5);
  // The first two have another neighbour, the others the same.
  expect(whole.map((id, i) => id === part[i])).toEqual([false, false, true, true, true]);
  expect(new Set(ids('abcabc').slice(1, 5)).size).toBe(3);
  // Computed by another program: weights that were trained on ids depend on the hash.
  expect(ids('Añ 漢字')).toEqual([1427, 803, 4022, 625, 2136]);
});

test('case, forms of Unicode and what is no letter do not count', () => {
  const plain = ids('\u00e9t\u00e9 ok');
  for (const other of ['\u00c9T\u00c9 OK', 'e\u0301te\u0301 ok', ' \u00e9t\u00e9... 12 - ok!\n']) {
    expect(ids(other)).toEqual(plain);
  }
  expect(ids('été')).not.toEqual(ids('ete'));
  expect(ids('')).toEqual(ids(' 1! '));
  expect(ids('')).toHaveLength(1);
});

test('characters of large scripts count by their page, others one by one', () => {
  expect(ids('漢')).toEqual(ids('\u6f00'));
  expect(ids('かな')).toEqual(ids('カナ'));
  expect(ids('漢字')).not.toEqual(ids('かな'));
  expect(ids('б')).not.toEqual(ids('в'));
});

test('reads so many characters, the last of them with its neighbour, and stays in range', () => {
  expect(ids('abcdef', 3)).toEqual(ids('abcdef').slice(0, 3));
  const few = trigramIds('the quick brown fox jumps over it', { vocabularySize: 3, maxLength: 99 });
  expect(new Set(few)).toEqual(new Set([1, 2]));
});

test('a batch is filled up with 0', async () => {
  await useBackend('cpu');
  const batch = preprocessTexts(['abc', 'a'], { ...OPTIONS, classNames: ['of a record'] } as never);
  expect([batch.shape, batch.dtype]).toEqual([[2, 3], 'int32']);
  expect([...batch.dataSync()]).toEqual([...ids('abc'), ...ids('a'), 0, 0]);
  batch.dispose();
  const one = preprocessTexts('abc', OPTIONS);
  expect(one.shape).toEqual([1, 3]);
  one.dispose();
});

test('long texts and many: only the beginning is looked at', async () => {
  await useBackend('cpu');
  for (const text of ['ab c'.repeat(3000), '1 '.repeat(3000) + 'été e\u0301te\u0301'.repeat(400)]) {
    expect(ids(text)).toEqual(ids(text.slice(0, 7000)));
    expect(ids(text)).toHaveLength(16);
  }
  expect(ids('a'.repeat(2 ** 28))).toEqual(ids('a'.repeat(40)));
  const many = preprocessTexts(Array<string>(200_000).fill('ab'), OPTIONS);
  expect(many.shape).toEqual([200_000, 2]);
  many.dispose();
});

test('a record of weights will do', () => {
  const record = textWeights('revcol_text_femto.languages');
  const { vocabularySize, maxLength } = record;
  expect(trigramIds('abc', record)).toEqual(trigramIds('abc', { vocabularySize, maxLength }));
});

test('what is refused', () => {
  expect(() => preprocessTexts(Array<string>(2), OPTIONS)).toThrow('preprocessTexts: texts is');
  expect(() => preprocessTexts('a', null as never)).toThrow('preprocessTexts: ');
  expect(() => trigramIds('a', { ...OPTIONS, vocabularySize: 2 ** 40 })).toThrow(
    'expected at most 2147483648',
  );
  expect(() => trigramIds(5 as never, OPTIONS)).toThrow('trigramIds: text is 5; expected a string');
  expect(() => trigramIds('a', undefined as never)).toThrow(
    'trigramIds: options are undefined; expected an object such as { vocabularySize',
  );
  expect(() => ids('a', 0)).toThrow('trigramIds: maxLength is 0');
  expect(() => trigramIds('a', { ...OPTIONS, vocabularySize: 1 })).toThrow('vocabularySize is 1');
  for (const wrong of [[], [5], undefined]) {
    expect(() => preprocessTexts(wrong as never, OPTIONS)).toThrow('preprocessTexts: texts');
  }
  expect(() => preprocessTexts('a', {} as never)).toThrow('vocabularySize');
});
