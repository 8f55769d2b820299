/** The order in which an epoch goes through its examples, from a seed. */
import { requireInteger } from '../common/arguments';
import { seededRandom } from './random';

/** Keeps the orders apart from other draws of the same seed and epoch. */
const PURPOSE = 0x6f726465;

/**
 * The order of the examples in an epoch: a shuffle (Fisher and Yates) that depends on the seed and the
 * epoch alone, not on the epochs before it, so that training can go on in the middle of any.
 *
 * `model.fit` shuffles by `Math.random`, and each epoch the order of the one before; give it
 * `shuffle: false` and examples in this order.
 *
 * @param seed of the whole training, an integer from 0
 * @param epoch from 0
 * @param length number of examples, from 0
 * @returns each integer from 0 to `length - 1` once, shape [length]
 * @throws {Error} when an argument is no integer from 0
 *
 * @example
 * const order = epochOrder(1, Math.floor(step / perEpoch), count);
 * const at = (step % perEpoch) * batchSize;
 * const batch = order.subarray(at, at + batchSize);
 */
export function epochOrder(seed: number, epoch: number, length: number): Uint32Array {
  requireInteger('epochOrder', 'seed', seed, 0);
  requireInteger('epochOrder', 'epoch', epoch, 0);
  requireInteger('epochOrder', 'length', length, 0);
  const order = Uint32Array.from({ length }, (_, i) => i);
  return Uint32Array.from(seededRandom(seed, PURPOSE, epoch).shuffle(order));
}
