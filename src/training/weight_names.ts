/** Names of variables, which tfjs numbers so that none is there twice in a process. */

/**
 * The name without the number that tfjs may have put at its end: `dense/kernel` for `dense/kernel_1`.
 * Only weights of layers get one, and their names have a scope.
 */
export function unnumbered(name: string): string {
  return name.includes('/') ? name.replace(/_\d+$/, '') : name;
}

/** What the names of a weight in all processes have in common: a number can get another one. */
export function rootName(name: string): string {
  return name.includes('/') ? name.replace(/(?:_\d+)+$/, '') : name;
}

/** Whether tfjs has made the whole name up, for a variable that was made without one. */
export function isNameless(name: string): boolean {
  return /^\d+$/.test(name);
}
