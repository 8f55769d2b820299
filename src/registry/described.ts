/** Weights of a model that is described instead of built. */
import {
  batchNormSpecs,
  convSpec,
  runningSpecs,
  type WeightSpec,
} from '../layers/base/weight_specs';

/** A weight, and whether it is trained. */
export interface DescribedWeight extends WeightSpec {
  readonly trained: boolean;
}

/** Weights of a layer by their names in the model. */
export function under(
  place: string,
  specs: readonly WeightSpec[],
  trained = true,
): DescribedWeight[] {
  return specs.map((spec) => ({ ...spec, name: `${place}/${spec.name}`, trained }));
}

/** Weights of a `ConvModule`. */
export function moduleWeights(
  place: string,
  kernelSize: number,
  from: number,
  filters: number,
): DescribedWeight[] {
  return [
    ...under(place, [convSpec(kernelSize, from, filters), ...batchNormSpecs(filters)]),
    ...under(place, runningSpecs(filters), false),
  ];
}

/** Number of values in all trained weights. */
export function trainedValues(weights: readonly DescribedWeight[]): number {
  return weights
    .filter(({ trained }) => trained)
    .reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
}
