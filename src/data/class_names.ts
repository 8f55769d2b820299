/** Names and numbers of classes: what they can be, and how those of pictures fit those of a model. */
import { requireList, shown } from '../common/arguments';

/**
 * Asserts names of classes: strings, none empty, no two the same.
 *
 * @throws {Error} when they are not
 */
export function requireClassNames(owner: string, names: unknown): asserts names is string[] {
  requireList(owner, 'classNames', names, 'names by class, such as ["cat", "dog"]');
  const list = names as unknown[];
  if (list.length === 0)
    throw new Error(`${owner}: classNames is empty; expected a name per class`);
  const wrong = list.findIndex((name) => typeof name !== 'string' || name === '');
  if (wrong >= 0) {
    throw new Error(
      `${owner}: the name of class ${wrong} is ${shown(list[wrong])}; expected a text that is not empty`,
    );
  }
  const twice = list.find((name, i) => list.indexOf(name) !== i);
  if (twice !== undefined) {
    throw new Error(`${owner}: two classes are named ${shown(twice)}; give each a name of its own`);
  }
}

/** Names where none are given: the numbers of the classes. */
export function numberedClasses(count: number): string[] {
  return Array.from({ length: count }, (_, i) => String(i));
}

/** Whether names only say the numbers of the classes. */
function areNumbered(names: readonly string[]): boolean {
  return names.every((name, i) => name === String(i));
}

/**
 * Asserts labels: whole numbers of classes.
 *
 * @param nameOf says which example it is
 * @throws {Error} for the first that names no class
 */
export function requireLabels(
  owner: string,
  labels: ArrayLike<number>,
  classes: number,
  nameOf: (position: number) => string = (position) => `example ${position}`,
): void {
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i] as number;
    if (Number.isInteger(label) && label >= 0 && label < classes) continue;
    throw new Error(
      `${owner}: the label of ${nameOf(i)} is ${shown(label)}; expected the number of a class, from 0 to ` +
        `${classes - 1}. With one class more or less, or labels from 1, give the labels that the model was ` +
        'made for',
    );
  }
}

/**
 * How the classes of data are numbered in a model.
 *
 * @param given names of the data's classes
 * @param known names of the model's, where they are known
 * @param count how many the model has
 * @returns the model's number of each class of the data
 *   Classes without names, numbered from 0, are the model's own
 * @throws {Error} when a class is none of the model's, or, where those have no names, their numbers differ
 */
export function matchClasses(
  owner: string,
  given: readonly string[],
  known: readonly string[] | undefined,
  count: number,
): number[] {
  const numbered = areNumbered(given) && !given.every((name) => known?.includes(name));
  if (numbered && given.length <= count) return given.map((_, i) => i);
  if (!known) {
    if (given.length === count) return given.map((_, i) => i);
    throw new Error(
      `${owner}: the data have ${given.length} classes (${some(given)}), the model has ${count}, whose names ` +
        'are not known; give classNames, the names of its classes in their order',
    );
  }
  if (known.length !== count) {
    throw new Error(
      `${owner}: classNames has ${known.length} names, the model has ${count} classes; give one for each`,
    );
  }
  const numbers = given.map((name) => known.indexOf(name));
  const missing = given.filter((_, i) => numbers[i] === -1);
  if (missing.length === 0) return numbers;
  throw new Error(
    `${owner}: the model knows no class ${some(missing)}; it has ${some(known)}. Name the classes of the ` +
      'data as the model was trained with',
  );
}

/** The first of many names, in quotation marks. */
function some(names: readonly string[]): string {
  const most = 5;
  const first = names.slice(0, most).map((name) => shown(name));
  return first.join(', ') + (names.length > most ? ` and ${names.length - most} more` : '');
}
