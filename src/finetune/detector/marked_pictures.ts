/** What is marked in the pictures that a detector is trained on: looked at once, before a model is made. */
import { requireMarked } from '../../coco/picture_objects';
import { type ObjectSource, requireObjectSource } from '../../data/object_source';
import { checksumOf } from '../base/phases';
import { type DividedPictures, dividePictures } from '../dense/pictures';
import type { FineTuneDetectorOptions } from './options';

/** What is trained on, and looked at. */
export interface DetectorExamples extends DividedPictures<ObjectSource> {
  /** For each picture of `data` what tells it from others. */
  readonly lines: readonly string[];
}

interface Marked {
  readonly name: string;
  readonly line: string;
  readonly hasObjects: boolean;
  readonly hasMasks: boolean;
}

/**
 * Divides pictures with marked objects, or takes those for validation. Of pictures with objects and of those without
 * the same share is kept.
 *
 * @throws {Error} when those for validation are none, have other classes, or none of them has an object; when objects have
 *   no masks, all of those to train on or any for validation; when what is marked in a picture is not there. With `onError`
 *   `'skip'` single pictures are no errors: reading leaves them out
 */
export function divideMarked(
  owner: string,
  data: ObjectSource,
  options: FineTuneDetectorOptions,
): DetectorExamples {
  const isSkipped = options.onError === 'skip';
  const marked = Array.from({ length: data.length }, (_, i) => markedIn(owner, data, i, isSkipped));
  // Of single pictures reading tells, as of whatever else is wrong with them.
  requireMasks(owner, marked, true);
  const groups = marked.map(({ hasObjects }) => (hasObjects ? 0 : 1));
  const divided = dividePictures(owner, data, options, requireObjectSource, groups);
  const { validation } = divided;
  if (validation) {
    const shown = `${owner}: validation`;
    const isOwn = validation.data === data;
    const own = validation.order.map((i) =>
      isOwn ? (marked[i] as Marked) : markedIn(shown, validation.data, i, isSkipped),
    );
    if (!own.some(({ hasObjects }) => hasObjects)) throw nothingToFind(owner, own.length);
    requireMasks(shown, own, isSkipped);
  }
  return { ...divided, lines: marked.map(({ line }) => line) };
}

/**
 * Asserts masks of objects.
 *
 * @param maySome whether some of the pictures with objects may be without
 */
function requireMasks(owner: string, pictures: readonly Marked[], maySome: boolean): void {
  const found = pictures.filter(({ hasObjects }) => hasObjects);
  const [first, ...others] = found.filter(({ hasMasks }) => !hasMasks);
  if (first === undefined || (maySome && others.length + 1 < found.length)) return;
  const more = others.length > 0 ? `, and so in ${others.length} other pictures` : '';
  throw new Error(
    `${owner}: the objects in ${first.name} have no masks${more}; detectors learn masks and are judged by them: give a ` +
      'source that has one for each object, without masks: false',
  );
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
    const hasObjects = labels.length > 0;
    const line = `${name} ${labels.length} ${sum}`;
    return { name, line, hasObjects, hasMasks: masks !== undefined };
  } catch (error) {
    if (!isSkipped) throw error;
    return { name, line: name, hasObjects: false, hasMasks: false };
  }
}
