/** Corpus BLEU: how close translations come to references. */

import { requireList, shown } from '../common/arguments';

/** Corpus BLEU and what it is made of. */
export interface BleuScore {
  /** 0 to 100. */
  score: number;
  /** Of n-grams of 1 to 4 tokens, in percent. */
  precisions: number[];
  /** In (0, 1]: below 1 where the translations are shorter than the references. */
  brevityPenalty: number;
  /** Tokens of all translations. */
  length: number;
  /** Tokens of all references. */
  referenceLength: number;
}

const ORDER = 4;

/**
 * Corpus BLEU (Papineni et al. 2002, https://aclanthology.org/P02-1040), as sacreBLEU computes it by
 * default (Post 2018, arXiv 1804.08771): tokens as in mteval-13a, cased, up to 4-grams, exponential
 * smoothing of precisions without a match, one reference.
 *
 * @param translations a text each
 * @param references of the same number
 * @throws {Error} when there are none, something else than a text, or not as many references as translations
 */
export function corpusBleu(
  translations: readonly string[],
  references: readonly string[],
): BleuScore {
  requireList('corpusBleu', 'translations', translations, 'texts');
  requireList('corpusBleu', 'references', references, 'texts');
  requireTexts('translations', translations);
  requireTexts('references', references);
  if (translations.length === 0 || translations.length !== references.length) {
    throw new Error(
      `corpusBleu: ${translations.length} translations and ${references.length} references; ` +
        `expected one reference for each of at least one translation`,
    );
  }
  const matches = new Array<number>(ORDER).fill(0);
  const totals = new Array<number>(ORDER).fill(0);
  let [length, referenceLength] = [0, 0];
  translations.forEach((translation, i) => {
    const tokens = tokenize13a(translation);
    const reference = tokenize13a(references[i] as string);
    length += tokens.length;
    referenceLength += reference.length;
    for (let n = 1; n <= ORDER; n++) {
      const wanted = ngrams(reference, n);
      totals[n - 1] = (totals[n - 1] as number) + Math.max(0, tokens.length - n + 1);
      for (const [gram, count] of ngrams(tokens, n)) {
        matches[n - 1] = (matches[n - 1] as number) + Math.min(count, wanted.get(gram) ?? 0);
      }
    }
  });
  const precisions = matches[0] === 0 ? matches : smoothed(matches, totals);
  const brevityPenalty =
    length >= referenceLength ? 1 : length === 0 ? 0 : Math.exp(1 - referenceLength / length);
  return {
    score: brevityPenalty * geometricMean(precisions),
    precisions,
    brevityPenalty,
    length,
    referenceLength,
  };
}

/** Asserts texts, not the forms that other implementations take. */
function requireTexts(name: string, texts: readonly unknown[]): void {
  const at = texts.findIndex((text) => typeof text !== 'string');
  if (at < 0) return;
  const text = texts[at];
  const isList = Array.isArray(text) && text.every((part) => typeof part === 'string');
  throw new Error(
    `corpusBleu: ${name}[${at}] is ${shown(text)}; expected a text for each translation` +
      (isList
        ? `. Of tokens give tokens.join(' '); of sacreBLEU's lists of references give one list, references[0]`
        : ''),
  );
}

/** In percent; each precision without a match is taken for half as much as the one before. */
function smoothed(matches: readonly number[], totals: readonly number[]): number[] {
  let share = 1;
  return matches.map((matched, n) => {
    const total = totals[n] as number;
    if (total === 0) return 0;
    if (matched > 0) return (100 * matched) / total;
    share *= 2;
    return 100 / (share * total);
  });
}

/** 0 where one is 0: no token at all matches, or an order has no n-gram. */
function geometricMean(precisions: readonly number[]): number {
  if (precisions.some((p) => p === 0)) return 0;
  const logs = precisions.map((p) => Math.log(p));
  // Of 100 alone, what exp and log round adds up to more.
  return Math.min(100, Math.exp(logs.reduce((a, b) => a + b, 0) / precisions.length));
}

function ngrams(tokens: readonly string[], n: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (let i = 0; i + n <= tokens.length; i++) {
    // Tokens hold no spaces.
    const gram = tokens.slice(i, i + n).join(' ');
    counts.set(gram, (counts.get(gram) ?? 0) + 1);
  }
  return counts;
}

/** Tokens as in mteval-v13a, the tokenizer of the WMT evaluations. */
export function tokenize13a(text: string): string[] {
  const plain = text
    .trimEnd()
    .replaceAll('<skipped>', '')
    .replaceAll('-\n', '')
    .replaceAll('\n', ' ')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>');
  return ` ${plain} `
    .replace(/([{-~[-` -&(-+:-@/])/g, ' $1 ')
    .replace(/([^0-9])([.,])/g, '$1 $2 ')
    .replace(/([.,])([^0-9])/g, ' $1 $2')
    .replace(/([0-9])(-)/g, '$1 $2 ')
    .split(/\s+/)
    .filter((token) => token.length > 0);
}
