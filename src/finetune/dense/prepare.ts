/** What preparing a segmenter and a detector shares: made of a name, or given; freed again where it is of no use. */
import type * as tfl from '@tensorflow/tfjs-layers';

import { requireModel } from '../../common/arguments';
import type { PreprocessOptions } from '../../preprocessing/fit_image';
import { namedModel } from '../base/given';
import { type PixelStatistics, statisticsOf } from './pictures';

/** A model of pictures with what is known of it. */
export interface PreparedDense extends PixelStatistics {
  readonly model: tfl.LayersModel;
  /** The layers that give the outputs. */
  readonly head: readonly tfl.layers.Layer[];
  /** Whether it knows nothing yet. */
  readonly isFresh: boolean;
  /** Whether it was made here, so that nobody else has it. */
  readonly isOwned: boolean;
  /** Frees what was made here. */
  dispose(): void;
}

/** A model that was made of its name. */
interface Made {
  readonly model: tfl.LayersModel;
  readonly isFresh: boolean;
}

/** A kind of model. */
interface DenseKind<Named, Own extends Made, Parts> {
  /** A name of one, for messages. */
  readonly example: string;
  /** Builds it. */
  readonly make: (named: Named) => Promise<Own>;
  /**
   * Its layers for the output, and what else only this kind has.
   *
   * @throws {Error} when it is of another kind, or not for these pictures
   */
  readonly partsOf: (model: tfl.LayersModel, made: Own | null) => Parts;
}

/**
 * Makes or takes the model.
 *
 * @throws {Error} when there is no such model, or it is not of the kind
 */
export async function prepareDense<
  Named extends { name: string },
  Own extends Made,
  Parts extends Pick<PreparedDense, 'head'>,
>(
  owner: string,
  given: tfl.LayersModel | Named | Named['name'],
  classNames: readonly string[],
  preprocessing: Pick<PreprocessOptions, 'mean' | 'std'> | undefined,
  { example, make, partsOf }: DenseKind<Named, Own, Parts>,
): Promise<PreparedDense & Parts> {
  const isModel = typeof given === 'object' && given !== null && 'layers' in given;
  const named = isModel ? null : namedModel<Named>(owner, given as Named, example);
  if (isModel) requireModel(owner, given);
  const made = named && (await make(named));
  const model = made?.model ?? (given as tfl.LayersModel);
  try {
    return {
      ...partsOf(model, made),
      model,
      isFresh: made?.isFresh ?? false,
      isOwned: made !== null,
      ...statisticsOf(model, classNames, preprocessing),
      dispose: () => {
        if (made) model.dispose();
      },
    };
  } catch (error) {
    made?.model.dispose();
    throw error;
  }
}
