/** What is marked in the pictures that a detector is trained on: looked at once, before a model is made. */
import { requireMarked } from '../coco/picture_objects';
import { type ObjectSource, requireObjectSource } from '../data/object_source';
import type { FineTuneDetectorOptions } from './detector_options';
import { checksumOf } from './phases';
import { type DividedPictures, dividePictures } from './pictures';

/** What is trained on, and looked at. */
export interface DetectorExamples extends DividedPictures<ObjectSource> {
  /** For each picture of `data` what tells it from others. */
  readonly lines: readonly string[];
}

interface Marked {
  readonly line: string;
  readonly hasObjects: boolean;
}

/**
 * Divides pictures with marked objects, or takes those for validation. Of pictures with objects and of those without
 * the same share is kept.
 *
 * @throws {Error} when those for validation are none, have other classes, or none of them has an object; when what is
 *   marked in a picture is not there, unless `onError` is `'skip'`: reading leaves that out
 */
export function divideMarked(
  owner: string,
  data: ObjectSource,
  options: FineTuneDetectorOptions,
): DetectorExamples {
  const isSkipped = options.onError === 'skip';
  const marked = Array.from({ length: data.length }, (_, i) => markedIn(owner, data, i, isSkipped));
  const groups = marked.map(({ hasObjects }) => (hasObjects ? 0 : 1));
  const divided = dividePictures(owner, data, options, requireObjectSource, groups);
  const { validation } = divided;
  if (validation) {
    const isOwn = validation.data === data;
    const hasObjects = (i: number) =>
      (isOwn ? marked[i] : markedIn(`${owner}: validation`, validation.data, i, isSkipped))
        ?.hasObjects;
    if (!validation.order.some(hasObjects)) throw nothingToFind(owner, validation.order.length);
  }
  return { ...divided, lines: marked.map(({ line }) => line) };
}

/** That there is no precision to tell. */
export function nothingToFind(owner: string, pictures: number): Error {
  return new Error(
    `${owner}: there is no object in the ${pictures} pictures for validation; give pictures with objects ` +
      '(validation, on the command line --coco-val), or, in code, validation: 0 for none',
  );
}

function markedIn(owner: string, data: ObjectSource, index: number, isSkipped: boolean): Marked {
  const name = data.name(index);
  try {
    const objects = data.objects(index);
    requireMarked(`${owner}: ${name}`, objects);
    const { boxes, labels, crowds, masks } = objects;
    const all = [labels, boxes, crowds ?? []].map((list) => Array.from(list).join());
    const sum = checksumOf([...all, JSON.stringify(masks ?? null)]);
    return { line: `${name} ${labels.length} ${sum}`, hasObjects: labels.length > 0 };
  } catch (error) {
    if (!isSkipped) throw error;
    return { line: name, hasObjects: false };
  }
}
