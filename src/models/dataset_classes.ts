/** Data sets whose classes an option names: whether the model has as many. */

/**
 * Asserts that a model has the classes of a data set.
 *
 * @param owned number of the data set's classes
 * @param count number of the model's
 * @throws {Error} when they differ
 */
export function requireOwnClasses(
  owner: string,
  dataset: string,
  owned: number,
  count: number,
): void {
  if (count === owned) return;
  throw new Error(
    `${owner}: dataset '${dataset}' has ${owned} classes, but the model has ${count}; give the model's classes by ` +
      'name (classes), or dataset: undefined for numbers',
  );
}
