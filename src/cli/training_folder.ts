/** The pictures that `train` is given: a folder of classes, or one of parts. */
import { readdir } from 'node:fs/promises';

import type { ExampleSource } from '../data/example_source';
import { imageFolder } from '../pictures/image_folder';
import { listing } from '../pictures/listing';

/** Pictures by what they are for. */
export interface TrainingFolder {
  readonly training: ExampleSource;
  /** Absent where they are to be taken from those for training. */
  readonly validation?: ExampleSource;
  /** Those to evaluate the result with. */
  readonly test?: ExampleSource;
  close(): Promise<void>;
}

/**
 * Opens a folder: of classes; or one with `train`, and maybe `val` and `test`, each of which holds classes.
 *
 * @throws {Error} when it cannot be read, and as `imageFolder`
 */
export async function openTrainingFolder(folder: string): Promise<TrainingFolder> {
  const entries = await listing(folder, () => readdir(folder, { withFileTypes: true }));
  const find = (pattern: RegExp) =>
    entries.find((entry) => entry.isDirectory() && pattern.test(entry.name))?.name;
  const split = find(/^train(ing)?$/i);
  if (split === undefined) {
    const training = await imageFolder(folder);
    return { training, close: () => training.close() };
  }
  const training = await imageFolder(folder, { split });
  const { classNames } = training;
  const part = (name: string | undefined) =>
    name === undefined ? undefined : imageFolder(folder, { split: name, classNames });
  const validation = await part(find(/^val(id(ation)?)?$/i));
  const test = await part(find(/^test(ing)?$/i));
  return {
    training,
    validation,
    test,
    close: async () => {
      for (const source of [training, validation, test]) await source?.close();
    },
  };
}
