/** The segmenter that is trained: made of a name, or given, for the classes of the pictures. */
import type * as tfl from '@tensorflow/tfjs-layers';

import { show } from '../../common/arguments';
import { type SegmentationSource } from '../../data/segmentation_source';
import { createModel } from '../../models/create_model';
import type {
  CreatePretrainedSegmenterOptions,
  CreateSegmenterOptions,
} from '../../models/segmenter';
import { withSeededRandom } from '../../ops/engine/random';
import { segmentationWeights } from '../../registry/names';
import type { SegmentationName, SegmentationWeights } from '../../registry/segmentation';
import { requireSameCount } from '../dense/pictures';
import { type PreparedDense, prepareDense } from '../dense/prepare';
import type { FineTuneSegmenterOptions } from './options';

/**
 * What is trained: a model, a name such as `'upernet_revcol_tiny.ade20k_512'`, or a name and options of
 * `createModel`.
 */
export type FineTuneSegmenterModel =
  | tfl.LayersModel
  | SegmentationName
  | ({ name: SegmentationName } & (
      CreateSegmenterOptions | Omit<CreatePretrainedSegmenterOptions, 'pretrained'>
    ));

const EXAMPLE = 'upernet_revcol_tiny.ade20k_512';

type Named = Exclude<FineTuneSegmenterModel, tfl.LayersModel | string>;

/** A segmenter with what is known of it. */
export interface PreparedSegmenter extends PreparedDense {
  /** `[height, width]`, where it takes images of one size alone. */
  readonly fixedSize: readonly [number, number] | null;
  /** What it was made by; null for a model that was given. */
  readonly record: SegmentationWeights | null;
}

/**
 * Makes or takes the model.
 *
 * @throws {Error} when there is no such model, or it is no segmenter of RGB images with the classes of the source
 */
export async function prepareSegmenter(
  owner: string,
  given: FineTuneSegmenterModel,
  { classNames }: SegmentationSource,
  { seed = 0, preprocessing, signal }: FineTuneSegmenterOptions,
): Promise<PreparedSegmenter> {
  return prepareDense(owner, given, classNames, preprocessing, {
    example: EXAMPLE,
    make: (named: Named) => makeModel(owner, named, classNames.length, seed, signal),
    partsOf: (model, made) => ({
      ...partsOf(owner, model, classNames),
      record: made?.record ?? null,
    }),
  });
}

/** Builds the named model, with its published weights unless it is told not to have them. */
async function makeModel(
  owner: string,
  { name, ...given }: Named,
  numClasses: number,
  seed: number,
  signal: AbortSignal | undefined,
): Promise<{ model: tfl.LayersModel; record: SegmentationWeights; isFresh: boolean }> {
  const record = segmentationWeights(name);
  const asked = given as Omit<CreatePretrainedSegmenterOptions, 'pretrained'>;
  const wanted = (given as { pretrained?: boolean }).pretrained ?? true;
  const heads = { auxiliaryHead: true, ...asked, numClasses };
  requireSameCount(owner, asked, numClasses);
  if (wanted) {
    const whole = { signal, ...heads, pretrained: true } as const;
    const model = await withSeededRandom(seed, () => createModel(name, whole));
    return { model, record, isFresh: false };
  }
  const model = withSeededRandom(seed, () => createModel(name, { ...heads, pretrained: false }));
  return { model, record, isFresh: true };
}

/** What a segmenter is made of, checked. */
function partsOf(
  owner: string,
  model: tfl.LayersModel,
  classNames: readonly string[],
): Pick<PreparedSegmenter, 'head' | 'fixedSize'> {
  const [input, ...others] = model.inputs;
  const [height = null, width = null, channels] = input?.shape.slice(1) ?? [];
  if (!input || others.length > 0 || input.shape.length !== 4 || channels !== 3) {
    throw new Error(
      `${owner}: ${model.name} takes ${model.inputs.map(({ shape }) => show(shape)).join(' and ')}; expected RGB ` +
        'images, [null, height, width, 3]',
    );
  }
  const shapes = model.outputs.map(({ shape }) => show(shape)).join(' and ');
  const isSegmenter =
    [1, 2].includes(model.outputs.length) && model.outputs.every(({ shape }) => shape.length === 4);
  if (!isSegmenter) {
    throw new Error(
      `${owner}: ${model.name} gives ${shapes}; expected the logits of a segmenter, [null, h, w, classes], and maybe ` +
        'those of an auxiliary head',
    );
  }
  const wrong = model.outputs.find(({ shape }) => shape[3] !== classNames.length);
  if (wrong) {
    throw new Error(
      `${owner}: ${model.name} gives ${shapes}, but the pictures have ${classNames.length} classes; make it with ` +
        `numClasses: ${classNames.length}, or give its name, so that it is made here`,
    );
  }
  const isFixed = height !== null || width !== null;
  return {
    head: [...new Set(model.outputs.map(({ sourceLayer }) => sourceLayer))],
    fixedSize: isFixed ? [(height ?? width) as number, (width ?? height) as number] : null,
  };
}
