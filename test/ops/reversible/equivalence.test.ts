import * as fc from 'fast-check';

import { describeBackends, expectNoLeak } from '../../support/backends';
import { type Step, worstError } from '../../support/training_step';
import { gradientError, type Network, networks, outcome } from './networks';

/** Rounding of shallow networks with few channels and pixels, which their LayerNorms amplify. */
const GRADIENT = 1e-3;

function runs(backend: string, many: number): number {
  return backend === 'cpu' ? Math.ceil(many / 4) : many;
}

function expectSameLoss(got: Step, expected: Step): void {
  const scale = Math.max(1, Math.abs(expected.loss));
  expect(Math.abs(got.loss - expected.loss)).toBeLessThanOrEqual(1e-5 * scale);
}

function expectSame(network: Network, gradients: boolean): void {
  const [reversible, stored] = [outcome(network, 'reversible'), outcome(network, 'stored')];
  expectSameLoss(reversible.step, stored.step);
  if (gradients) {
    expect(stored.step.gradients.size + (stored.step.input ? 1 : 0)).toBeGreaterThan(0);
    const { error, name } = gradientError(reversible.step, stored.step);
    expect({ [name]: error <= GRADIENT ? 'close' : error }).toEqual({ [name]: 'close' });
  }
  // Moving statistics, clamped alphas, and everything that must not have changed.
  expect(worstError(reversible.weights, stored.weights).error).toBeLessThanOrEqual(1e-6);
}

describeBackends('reversible equals stored', (backend) => {
  test('for any network: loss, gradients, moving statistics, and no leak', async () => {
    await expectNoLeak(() => {
      fc.assert(
        fc.property(networks(4), (network) => expectSame(network, true)),
        { numRuns: runs(backend, 24), seed: 1 },
      );
    });
  });

  test('for levels of 1 and 2 channels, whose gradients are all rounding: the rest', async () => {
    const narrow = networks(1).map((n) => ({ ...n, channels: n.channels.map((c) => 1 + (c % 2)) }));
    await expectNoLeak(() => {
      fc.assert(
        fc.property(narrow, (network) => expectSame(network, false)),
        { numRuns: runs(backend, 6), seed: 2 },
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
