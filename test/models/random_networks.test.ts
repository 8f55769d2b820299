/** Random networks of every kind against every oracle; `npm run test:long` tries more of them. */
import * as fc from 'fast-check';

import { BACKENDS, describeBackends, expectNoLeak } from '../support/backends';
import {
  expectSameAsStored,
  expectSameOnBackend,
  expectSameWhenLoaded,
  expectSlope,
} from '../support/network_oracles';
import { allNetworks, type Network, tokenNetworks } from '../support/networks';
import { runs } from '../support/runs';

/** Tries `many` networks, none of which may leave a tensor. */
async function forAll(
  networks: fc.Arbitrary<Network>,
  seed: number,
  many: number,
  oracle: (network: Network) => void | Promise<void>,
): Promise<void> {
  const property = fc.asyncProperty(networks, (network) => expectNoLeak(() => oracle(network)));
  await fc.assert(property, { seed, numRuns: runs(many) });
}

describeBackends('a training step of any network', (backend) => {
  test('over tokens is that of stored mode', async () => {
    await forAll(tokenNetworks(), 11, 4, (network) => expectSameAsStored(network));
  });

  test('is that of a copy, saved and loaded', async () => {
    await forAll(allNetworks(), 12, 3, expectSameWhenLoaded);
  });

  test('has the slope of finite differences', async () => {
    await forAll(allNetworks(), 13, 3, expectSlope);
  });

  if (backend !== BACKENDS[0]) {
    test(`is that of ${BACKENDS[0]}`, async () => {
      await forAll(allNetworks(), 14, 3, (n) => expectSameOnBackend(n, BACKENDS[0] as string));
    });
  }
});
