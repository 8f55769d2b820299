/** The messages as token ids. */
import * as fs from 'node:fs';
import { Tokenizer } from '@huggingface/tokenizers';

import type { Diagnostic } from '../shared/diagnostics';

export const START = 1;
export const END = 2;

/** One message in both languages. */
export interface Pair {
  source: string;
  target: string;
  sourceIds: number[];
  targetIds: number[];
}

/** Texts to ids and back; made by train_tokenizer.py. */
export class Vocabulary {
  private readonly tokenizer: Tokenizer;
  readonly size: number;

  constructor() {
    const file = new URL('tokenizer.json', import.meta.url);
    const json = JSON.parse(fs.readFileSync(file, 'utf8')) as object;
    this.tokenizer = new Tokenizer(json, {});
    this.size = this.tokenizer.get_vocab(true).size;
  }

  encode(text: string): number[] {
    return this.tokenizer.encode(text, { add_special_tokens: false }).ids;
  }

  decode(ids: readonly number[]): string {
    // The library refuses an empty list.
    if (ids.length === 0) return '';
    return this.tokenizer.decode([...ids], {
      skip_special_tokens: true,
      clean_up_tokenization_spaces: false,
    });
  }

  /** English to German. */
  pairs(diagnostics: readonly Diagnostic[]): Pair[] {
    return diagnostics.map(({ en, de }) => ({
      source: en,
      target: de,
      sourceIds: this.encode(en),
      targetIds: this.encode(de),
    }));
  }
}
