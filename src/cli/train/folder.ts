/** The pictures that `train` is given: a folder of classes or of pictures with maps, or one of parts. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import type { ExampleSource } from '../../data/example_source';
import type { SegmentationSource } from '../../data/segmentation_source';
import { imageFolder } from '../../pictures/image_folder';
import { listing } from '../../pictures/listing';
import {
  segmentationFolder,
  type SegmentationFolderOptions,
} from '../../pictures/segmentation_folder';

/** Pictures by what they are for. */
export interface TrainingFolder<Source = ExampleSource> {
  readonly training: Source;
  /** Absent where they are to be taken from those for training. */
  readonly validation?: Source;
  /** Those to evaluate the result with. */
  readonly test?: Source;
  close(): Promise<void>;
}

/** Names of the folders of parts; undefined where there is none. */
interface Parts {
  readonly training?: string;
  readonly validation?: string;
  readonly test?: string;
}

/**
 * Looks for parts in a folder.
 *
 * @throws {Error} when it cannot be read
 */
async function partsIn(folder: string): Promise<Parts> {
  const entries = await listing(folder, () => readdir(folder, { withFileTypes: true }));
  const find = (pattern: RegExp) =>
    entries.find((entry) => entry.isDirectory() && pattern.test(entry.name))?.name;
  return {
    training: find(/^train(ing)?$/i),
    validation: find(/^val(id(ation)?)?$/i),
    test: find(/^test(ing)?$/i),
  };
}

/** Sources that are closed together. */
function together<Source extends { close(): Promise<void> }>(
  sources: Omit<TrainingFolder<Source>, 'close'>,
): TrainingFolder<Source> {
  const { training, validation, test } = sources;
  return {
    ...sources,
    close: async () => {
      for (const source of [training, validation, test]) await source?.close();
    },
  };
}

/**
 * Opens sources beside that of what is trained on. Those that are open are closed when one cannot be opened.
 *
 * @param training is open
 * @throws what opening throws
 */
export async function openBeside<Source extends { close(): Promise<void> }>(
  training: Source,
  openValidation: () => Promise<Source | undefined>,
  openTest: () => Promise<Source | undefined> = () => Promise.resolve(undefined),
): Promise<TrainingFolder<Source>> {
  let validation: Source | undefined;
  try {
    validation = await openValidation();
    return together({ training, validation, test: await openTest() });
  } catch (error) {
    await Promise.allSettled([training.close(), validation?.close()]);
    throw error;
  }
}

/**
 * Opens a folder: of classes; or one with `train`, and maybe `val` and `test`, each of which holds classes.
 *
 * @throws {Error} when it cannot be read, and as `imageFolder`
 */
export async function openTrainingFolder(folder: string): Promise<TrainingFolder> {
  const parts = await partsIn(folder);
  if (parts.training === undefined) return together({ training: await imageFolder(folder) });
  const training = await imageFolder(folder, { split: parts.training });
  const { classNames } = training;
  const part = async (split: string | undefined) =>
    split === undefined ? undefined : imageFolder(folder, { split, classNames });
  return openBeside(
    training,
    () => part(parts.validation),
    () => part(parts.test),
  );
}

/**
 * Opens a folder of pictures and one of label maps; or two that both have `train`, and maybe `val` and `test`, each of
 * which holds them.
 *
 * @throws {Error} when one cannot be read, a part of the pictures has no maps, and as `segmentationFolder`
 */
export async function openMapsFolder(
  folder: string,
  maps: string,
  options: SegmentationFolderOptions,
): Promise<TrainingFolder<SegmentationSource>> {
  const [parts, own] = [await partsIn(folder), await partsIn(maps)];
  if (parts.training === undefined || own.training === undefined) {
    return together({ training: await segmentationFolder(folder, maps, options) });
  }
  const part = async (key: keyof Parts) => {
    const [pictures, labels] = [parts[key], own[key]];
    if (pictures === undefined) return undefined;
    if (labels === undefined) {
      throw new Error(
        `${join(folder, pictures)} has no label maps: ${maps} has no folder ${pictures}; add it, or take the ` +
          'pictures away',
      );
    }
    return segmentationFolder(join(folder, pictures), join(maps, labels), options);
  };
  return openBeside(
    (await part('training')) as SegmentationSource,
    () => part('validation'),
    () => part('test'),
  );
}
