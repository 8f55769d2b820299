/** What the record of published weights tells, as it is saved with a model. */
import { type ModelMetadata, present } from '../common/model_metadata';

/** A record of weights of any kind, so far as it tells of pictures and classes. */
export interface TellingRecord extends Omit<ModelMetadata, 'inputSize' | 'upright'> {
  readonly numClasses?: number;
  /** `[height, width, channels]`. */
  readonly inputSize?: readonly [number, number, number];
}

/** The model that it is saved with. */
interface Taker {
  readonly numClasses: number | undefined;
  /** `[height, width]` of its images; null where they are open. */
  readonly sides: readonly (number | null | undefined)[];
}

/**
 * What a record tells of how pictures are prepared and what classes are called: names only for as many classes; the cut
 * only for the size that it is published for, as that of others goes by their size; and windows for images of any size.
 */
export function recordMetadata(record: TellingRecord, { numClasses, sides }: Taker): ModelMetadata {
  const { mean, std, crop, interpolation, shortSide, longSide, slideStride } = record;
  const [height, width] = record.inputSize ?? [];
  const isSameSize = sides[0] === height && sides[1] === width;
  const hasWindows = slideStride !== undefined && sides[0] == null && sides[1] == null;
  return present({
    ...{ mean, std, interpolation, shortSide, longSide },
    ...(isSameSize ? { crop } : {}),
    ...(hasWindows && height && width ? { inputSize: [height, width], slideStride } : {}),
    ...(numClasses === record.numClasses ? { classNames: record.classNames } : {}),
  });
}
