/** The order in which an epoch goes through its examples, a function of the seed and the epoch alone. */
import { epochOrder } from '../../augmentation/epoch_order';

/**
 * How many steps an epoch has. A last batch of less than half the size is left out (other examples in
 * each epoch): batch normalisation and the noise of gradients are those of a batch.
 *
 * @param least examples that a step must have, besides: fewer are left out likewise
 */
export function stepsPerEpoch(count: number, batch: number, least = 1): number {
  const whole = Math.floor(count / batch);
  const rest = count - whole * batch;
  return Math.max(1, rest >= Math.max(batch / 2, least) ? whole + 1 : whole);
}

/** Examples of an epoch, in steps of `batch`. */
export class Sampler {
  /** Steps of every epoch. */
  readonly steps: number;

  /**
   * @param examples numbers of all examples that are trained on
   * @param batch examples of a step; the last of an epoch may have fewer
   * @param least as `stepsPerEpoch` takes it
   */
  constructor(
    private readonly examples: readonly number[],
    private readonly batch: number,
    private readonly seed: number,
    least = 1,
  ) {
    this.steps = stepsPerEpoch(examples.length, batch, least);
  }

  /**
   * Numbers of the examples of an epoch, in their order.
   *
   * @param epoch from 0
   * @param from step of the epoch to begin with, from 0
   */
  order(epoch: number, from: number): Int32Array {
    const drawn = epochOrder(this.seed, epoch, this.examples.length);
    const used = drawn.subarray(from * this.batch, this.steps * this.batch);
    return Int32Array.from(used, (i) => this.examples[i] as number);
  }
}
