/** TypeScript's English messages as token ids. */
import { loadDiagnostics, splitDiagnostics } from '../shared/diagnostics';
import { Vocabulary } from '../translation/data';

/** Some of the messages. */
export interface Part {
  texts: readonly (readonly number[])[];
  /** Their length in UTF-8. */
  bytes: number;
}

export interface Texts {
  vocabulary: Vocabulary;
  train: Part;
  validation: Part;
  test: Part;
}

/** The three parts; near copies of a message are in one of them. */
export function loadTexts(): Texts {
  const vocabulary = new Vocabulary();
  const split = splitDiagnostics(loadDiagnostics());
  const part = (name: keyof typeof split): Part => ({
    texts: split[name].map(({ en }) => vocabulary.encode(en)),
    bytes: split[name].reduce((sum, { en }) => sum + Buffer.byteLength(en), 0),
  });
  return {
    vocabulary,
    train: part('train'),
    validation: part('validation'),
    test: part('test'),
  };
}
