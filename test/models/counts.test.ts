/**
 * Exact counts of one forward pass and one training step. They cost no time to compare, and show what
 * timings hide: a fused kernel that is no longer found, a tensor that lives longer.
 * `test/browser/browser.test.ts` does the same in a page.
 */
import * as tf from '@tensorflow/tfjs';

import { NATIVE_FLAG } from '../../src/ops/kernels/tensorflow/library';
import { describeBackends } from '../support/backends';
import { countsOfNetwork, NETWORKS } from '../support/counts';
import { expectCounts } from '../support/counts_table';

describeBackends('counts', (backend) => {
  // Not every machine has the library of TensorFlow operations.
  beforeAll(() => tf.env().set(NATIVE_FLAG, false));
  afterAll(() => tf.env().set(NATIVE_FLAG, true));

  test.each(Object.keys(NETWORKS))('%s', async (network) => {
    expectCounts(network, backend, await countsOfNetwork(network));
  });
});
