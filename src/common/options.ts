/** Options by name: one that does not exist is refused, with the name that comes nearest. */
import { requireArgument, requireFunction, shown } from './arguments';

/** The names of the options of `T`, all of them: a list that lacks one, or has another, does not compile. */
export type OptionNames<T> = { readonly [Name in keyof T]-?: true };

/** What other libraries and papers call an option. */
const ALIASES: Readonly<Record<string, string>> = {
  lr: 'learningRate',
  wd: 'weightDecay',
  eps: 'epsilon',
  decay: 'weightDecay',
};

/**
 * Asserts that options are an object without names that nobody knows, which would have no effect; and that
 * `signal` and `onProgress`, where they are options, are what they must be.
 *
 * @param owner name of the function or class, for the message
 * @param names the names that there are
 * @throws {Error} when it is something else, for the first unknown name, with the one that is meant, or
 *   else all that there are, or for a `signal` or `onProgress` of another kind
 */
export function requireOptions(owner: string, options: unknown, names: object): void {
  const known = Object.keys(names);
  if (
    typeof options !== 'object' ||
    options === null ||
    Array.isArray(options) ||
    'dataId' in options
  ) {
    throw new Error(
      `${owner}: options are ${shown(options)}; expected an object such as { ${known[0]}: ... }`,
    );
  }
  const given = options as Record<string, unknown>;
  // What is undefined is not given: wrappers hand on options that their callers left out.
  const name = Object.keys(given).find((k) => given[k] !== undefined && !Object.hasOwn(names, k));
  if (name === undefined) {
    requireCommon(owner, given, names);
    return;
  }
  const near = byNearness(name, known);
  const alias = ALIASES[plainName(name)] ?? '';
  if (known.includes(alias)) {
    throw new Error(`${owner}: there is no option '${name}'; did you mean '${alias}'?`);
  }
  const nearest = near[0] ?? '';
  const [typed, meant] = [plainName(name), plainName(nearest)];
  const isMeant =
    editDistance(typed, meant) <= Math.max(1, name.length / 3) || letters(typed) === letters(meant);
  throw new Error(
    `${owner}: there is no option '${name}'; ` +
      (isMeant ? `did you mean '${nearest}'?` : `there are ${[...known].sort().join(', ')}`),
  );
}

/** What these mean wherever they are options. */
function requireCommon(owner: string, given: Record<string, unknown>, names: object): void {
  const { signal, onProgress } = given;
  if (signal != null && 'signal' in names) {
    const isSignal = typeof (signal as Partial<AbortSignal>).throwIfAborted === 'function';
    const expected = 'an AbortSignal, such as the signal of an AbortController';
    requireArgument(owner, 'signal', signal, isSignal, expected);
  }
  if (onProgress != null && 'onProgress' in names) requireFunction(owner, 'onProgress', onProgress);
}

/** Of options for several functions, those that one of them has. */
export function pickOptions<T>(options: T, names: object): Partial<T> {
  const all = Object.entries(options as object);
  return Object.fromEntries(all.filter(([name]) => Object.hasOwn(names, name))) as Partial<T>;
}

/** Names in the order of how near they come to one that does not exist. */
export function byNearness<Name extends string>(name: string, names: readonly Name[]): Name[] {
  const distance = new Map(names.map((n) => [n, editDistance(plainName(name), plainName(n))]));
  return [...names].sort((a, b) => (distance.get(a) as number) - (distance.get(b) as number));
}

/** `num_classes` and `numClasses` are the same to whoever types them. */
export function plainName(name: string): string {
  return name.toLowerCase().replace(/[_-]/g, '');
}

/** The same for words whose letters are in another order. */
function letters(word: string): string {
  return Array.from(word).sort().join('');
}

/** Levenshtein distance: the fewest insertions, deletions and substitutions. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
