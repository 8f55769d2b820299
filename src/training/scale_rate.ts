/** Learning rates for another batch than the published one. */
import { requireRanges } from '../common/arguments';

/**
 * A learning rate in proportion to the batch (Goyal et al. 2017, arXiv 1706.02677), as the published
 * training scales its rate, its warm-up rate and its least rate: `rate * batchSize / baseBatchSize`.
 *
 * @param rate the rate at a batch of `baseBatchSize`, from 0
 * @param batchSize images of one update, over all devices and all parts of an accumulated gradient,
 *   from 1
 * @param baseBatchSize Default 1024, that of `recipe`
 * @throws {Error} when a number is out of range
 */
export function scaleRate(rate: number, batchSize: number, baseBatchSize = 1024): number {
  requireRanges('scaleRate', [
    ['rate', rate, rate >= 0, 'from 0'],
    ['batchSize', batchSize, batchSize >= 1, 'from 1'],
    ['baseBatchSize', baseBatchSize, baseBatchSize >= 1, 'from 1'],
  ]);
  return (rate * batchSize) / baseBatchSize;
}
