/** The translation example's vocabulary keeps messages whole. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';

const LIB = path.dirname(require.resolve('typescript'));
const FILE = path.resolve(__dirname, '../../examples/translation/tokenizer.json');

const tokenizer = new Tokenizer(JSON.parse(fs.readFileSync(FILE, 'utf8')) as object, {});
const decode = (ids: number[]) => tokenizer.decode(ids, { clean_up_tokenization_spaces: false });
const encode = (text: string) => tokenizer.encode(text, { add_special_tokens: false });

test('every German message decodes to itself, without padding, start or end in it', () => {
  const file = path.join(LIB, 'de', 'diagnosticMessages.generated.json');
  const messages = Object.values(JSON.parse(fs.readFileSync(file, 'utf8')) as object) as string[];
  expect(messages.length).toBeGreaterThan(2000);
  const changed = messages.filter((text) => {
    const { ids } = encode(text);
    return Math.min(...ids) < 3 || decode(ids) !== text;
  });
  expect(changed).toEqual([]);
});

test('placeholders are tokens of their own, and any other text survives', () => {
  const { tokens } = encode("Type '{0}' is not {1}.");
  expect(tokens.filter((t) => /\d/.test(t))).toEqual(['{0}', 'Ġ{1}']);
  for (const text of ['日本語 ≠ 😀', '  two  spaces ', '{12}{3}']) {
    expect(decode(encode(text).ids)).toBe(text);
  }
});
