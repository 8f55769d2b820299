import * as fc from 'fast-check';

import { describeBackends, expectNoLeak } from '../../support/backends';
import { expectSameAsStored } from '../../support/network_oracles';
import { type Network, networks, outcome } from '../../support/networks';
import { runs } from '../../support/runs';

function runsOn(backend: string, many: number): number {
  return runs(backend === 'cpu' ? Math.ceil(many / 4) : many);
}

describeBackends('reversible equals stored', (backend) => {
  test('for any network: loss, gradients, moving statistics, and no leak', async () => {
    await expectNoLeak(() => {
      fc.assert(
        fc.property(networks(4), (network) => expectSameAsStored(network)),
        { numRuns: runsOn(backend, 10), seed: 1 },
      );
    });
  });

  test('for levels of 1 and 2 channels, whose gradients are all rounding: the rest', async () => {
    const narrow = networks(1).map((n) => ({ ...n, channels: n.channels.map((c) => 1 + (c % 2)) }));
    await expectNoLeak(() => {
      fc.assert(
        fc.property(narrow, (network) => expectSameAsStored(network, false)),
        { numRuns: runsOn(backend, 4), seed: 2 },
      );
    });
  });

  test('moving statistics move in training', () => {
    const [network] = fc.sample(networks(4), { numRuns: 1, seed: 4 }) as [Network];
    const normalized: Network = {
      ...network,
      columns: 3,
      depths: network.depths.map(() => 1),
      block: 'normalized',
      frozenSeed: 0,
    };
    const { weights } = outcome(normalized, 'reversible');
    const frozen = outcome(normalized, 'reversible', { training: false }).weights;
    const names = [...weights.keys()].filter((name) => name.includes('moving_mean'));
    expect(names.length).toBe(3 * network.levels);
    for (const name of names) expect(weights.get(name)).not.toEqual(frozen.get(name));
  });
});
