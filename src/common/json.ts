/** Values that JSON gives back as they were. */
import { shown } from './arguments';

/**
 * Asserts plain JSON: null, booleans, finite numbers, strings, and lists and objects of these.
 *
 * @param name what to call the value
 * @throws {Error} that names the first part that is something else
 */
export function requireJson(
  owner: string,
  name: string,
  value: unknown,
  around: ReadonlySet<unknown> = new Set(),
): void {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return;
  if (typeof value === 'number' && Number.isFinite(value)) return;
  if (typeof value === 'object' && value !== null && !around.has(value) && isPlain(value)) {
    const within = new Set([...around, value]);
    if (Array.isArray(value)) {
      // By index: a hole is undefined.
      for (let i = 0; i < value.length; i++) requireJson(owner, `${name}[${i}]`, value[i], within);
      return;
    }
    for (const [key, part] of Object.entries(value)) {
      // What is undefined is not given.
      if (part !== undefined) requireJson(owner, `${name}.${key}`, part, within);
    }
    return;
  }
  throw new Error(
    `${owner}: ${name} is ${around.has(value) ? 'an object that is part of itself' : shown(value)}; expected ` +
      `plain JSON: null, booleans, finite numbers, strings, and lists and objects of these`,
  );
}

/** By the name of its class, not instanceof: objects of another realm count too. */
function isPlain(value: object): boolean {
  if (Array.isArray(value)) return true;
  const prototype = Object.getPrototypeOf(value) as { constructor?: { name?: string } } | null;
  return prototype === null || prototype.constructor?.name === 'Object';
}
