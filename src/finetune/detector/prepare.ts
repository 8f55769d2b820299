/** The detector that is trained: made of a name, or given, for the classes of the pictures. */
import type * as tfl from '@tensorflow/tfjs-layers';

import { show } from '../../common/arguments';
import type { ObjectSource } from '../../data/object_source';
import { createModel } from '../../models/create_model';
import type { CreateDetectorOptions, CreatePretrainedDetectorOptions } from '../../models/detector';
import { type DetectorParts, detectorParts } from '../../models/detector_parts';
import { withSeededRandom } from '../../ops/engine/random';
import type { DetectionName } from '../../registry/detection';
import { requireSameCount } from '../dense/pictures';
import { type PreparedDense, prepareDense } from '../dense/prepare';
import type { FineTuneDetectorOptions } from './options';

/**
 * What is trained: a model, a name such as `'cascade_mask_rcnn_revcol_tiny.coco'`, or a name and options of
 * `createModel`.
 */
export type FineTuneDetectorModel =
  | tfl.LayersModel
  | DetectionName
  | ({ name: DetectionName } & (
      CreateDetectorOptions | Omit<CreatePretrainedDetectorOptions, 'pretrained'>
    ));

const EXAMPLE = 'cascade_mask_rcnn_revcol_tiny.coco';

type Named = Exclude<FineTuneDetectorModel, tfl.LayersModel | string>;

/** A detector with what is known of it; its head gives proposals and regions. */
export interface PreparedDetector extends PreparedDense {
  readonly parts: DetectorParts;
}

/**
 * Makes or takes the model.
 *
 * @throws {Error} when there is no such model, or it is no detector of RGB images of any size with the classes of the
 *   source
 */
export async function prepareDetector(
  owner: string,
  given: FineTuneDetectorModel,
  { classNames }: ObjectSource,
  { seed = 0, preprocessing, signal }: FineTuneDetectorOptions,
): Promise<PreparedDetector> {
  return prepareDense(owner, given, classNames, preprocessing, {
    example: EXAMPLE,
    make: (named: Named) => makeModel(owner, named, classNames.length, seed, signal),
    partsOf: (model) => {
      const parts = detectorParts(owner, model);
      requireImages(owner, model);
      requireClasses(owner, model, parts, classNames.length);
      return { parts, head: [parts.proposals, parts.heads] };
    },
  });
}

/** Builds the named model, with its published weights unless it is told not to have them. */
async function makeModel(
  owner: string,
  { name, ...given }: Named,
  numClasses: number,
  seed: number,
  signal: AbortSignal | undefined,
): Promise<{ model: tfl.LayersModel; isFresh: boolean }> {
  const asked = given as Omit<CreatePretrainedDetectorOptions, 'pretrained'>;
  const wanted = (given as { pretrained?: boolean }).pretrained ?? true;
  requireSameCount(owner, asked, numClasses);
  if (wanted) {
    const whole = { signal, ...asked, numClasses, pretrained: true } as const;
    const model = await withSeededRandom(seed, () => createModel(name, whole));
    return { model, isFresh: false };
  }
  const options = { ...asked, numClasses, pretrained: false } as const;
  return { model: withSeededRandom(seed, () => createModel(name, options)), isFresh: true };
}

/** Asserts images of any size: sizes change from step to step. */
function requireImages(owner: string, model: tfl.LayersModel): void {
  const [, height, width, channels] = model.inputs[0]?.shape ?? [];
  if (height === null && width === null && channels === 3) return;
  throw new Error(
    `${owner}: ${model.name} takes images ${show(model.inputs[0]?.shape)}; expected RGB images of any size, [null, ` +
      'null, null, 3], as pictures are resized to several sizes',
  );
}

function requireClasses(
  owner: string,
  model: tfl.LayersModel,
  { heads }: DetectorParts,
  count: number,
): void {
  if (heads.units === count) return;
  throw new Error(
    `${owner}: ${model.name} has ${heads.units} classes, but the pictures have ${count}; make it with numClasses: ` +
      `${count}, or give its name, so that it is made here`,
  );
}
