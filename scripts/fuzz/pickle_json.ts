/** Values of pickles as JSON that `judge.py` makes of Python's as well. */
import { isOpaque, PickleDict, type PickleValue } from '../../src/weights/pickle/values';
import { hex } from './target';

/** What both sides leave out of the comparison. */
class NotCompared extends Error {}

/** Python says with bits what JavaScript's numbers hide: which are integers. Both say it by value. */
function numberJson(value: number | bigint): string {
  if (typeof value === 'bigint') return `n:${value}`;
  if (Number.isInteger(value)) return `n:${BigInt(value)}`;
  if (Number.isNaN(value)) return 'f:nan';
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return `f:${bytes.toString('hex')}`;
}

function valueJson(value: PickleValue | undefined, above: readonly unknown[]): unknown {
  if (value === null || value === undefined) return 'none';
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  if (typeof value === 'number' || typeof value === 'bigint') return numberJson(value);
  if (typeof value === 'string') return `s:${value}`;
  if (value instanceof Uint8Array) return `b:${hex(value)}`;
  if (above.includes(value) || above.length > 50) throw new NotCompared('a circle');
  const inside = [...above, value];
  const json = (item: PickleValue | undefined): unknown => valueJson(item, inside);
  if (Array.isArray(value)) return ['l', ...value.map(json)];
  if (value instanceof PickleDict) {
    const keys = [...value.entries()].map(([key]) => key);
    // Where Python compares keys by value, and True is 1.
    if (keys.some((key) => typeof key !== 'string')) throw new NotCompared('a key of a kind');
    return ['d', ...[...value.entries()].map(([key, item]) => [json(key), json(item)])];
  }
  if (isOpaque(value)) {
    const { module, name, args, state, items, entries } = value;
    if (args === undefined) {
      if (state !== undefined || items || entries) throw new NotCompared('a class with a state');
      return ['g', module, name];
    }
    return ['o', module, name, json(args), json(state), json(items ?? []), json(entries ?? null)];
  }
  if (value.kind === 'set') {
    if (value.items.some((item) => typeof item === 'boolean')) throw new NotCompared('true or 1');
    const items = value.items.map((item) => JSON.stringify(json(item)));
    return ['set', ...[...new Set(items)].sort()];
  }
  throw new NotCompared(value.kind);
}

/** A value; null where it is not compared. */
export function pickleJson(value: PickleValue): unknown {
  try {
    return valueJson(value, []);
  } catch (error) {
    if (error instanceof NotCompared) return null;
    throw error;
  }
}
