/** How settings are chosen: group by group, each change alone, by the perplexity of the validation part. */
import type { Contestant, Settings } from './settings';

/** One try; the first of a contestant changes nothing. */
export interface Try {
  name: string;
  settings: Settings;
  perplexity: number;
}

/** What is known of a search. */
export interface Search {
  tries: Try[];
  /** The best so far; when the search is done, the chosen ones. */
  best: Try;
  /** What is to be tried next; null when the search is done. */
  next: { name: string; settings: Settings } | null;
}

/** What a search comes to without any result. */
const UNTRIED = Infinity;

/**
 * Follows a search as far as results are known. A change is kept when it is better than everything before.
 *
 * @param perplexityOf what settings came to; undefined while they have not been tried
 */
export function search(
  { start, groups }: Contestant,
  perplexityOf: (settings: Settings) => number | undefined,
): Search {
  const tries: Try[] = [];
  let best: Try = { name: 'start', settings: start, perplexity: UNTRIED };
  const nothing = { name: 'start', set: (settings: Settings) => settings };
  for (const group of [[nothing], ...groups]) {
    const base = best.settings;
    for (const { name, set } of group) {
      const settings = set(base);
      const perplexity = perplexityOf(settings);
      if (perplexity === undefined) return { tries, best, next: { name, settings } };
      tries.push({ name, settings, perplexity });
      if (perplexity < best.perplexity) best = { name, settings, perplexity };
    }
  }
  return { tries, best, next: null };
}
