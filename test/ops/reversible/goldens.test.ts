import * as tf from '@tensorflow/tfjs';

import { describeBackends, expectClose, expectNoLeak } from '../../support/backends';
import { describeGoldens } from '../../support/goldens';
import { takeStep } from '../../support/training_step';
import {
  type Backprop,
  goldenImage,
  type GoldenModel,
  goldenValue,
  gradientErrors,
  loadGoldenModel,
} from './golden_models';

const OUTPUT = 1e-5;
/**
 * Bounds on single gradients: twice the worst over cases and backends, all of it rounding. The walk
 * back multiplies the rounding of what it recovers with every column until the next anchor.
 */
const GRADIENT: Record<Backprop, number> = { reversible: 8e-6, stored: 6e-6 };

/** Features of every column, each column applied by itself to what the one before it gave. */
function checkFeatures({ golden, backbone, x }: GoldenModel): void {
  tf.tidy(() => {
    const stem = backbone.stem.apply(x) as tf.Tensor;
    let features: tf.Tensor[] = [];
    backbone.columnLayers.forEach((column, i) => {
      features = column.apply(features.length > 0 ? [stem, ...features] : stem) as tf.Tensor[];
      features.forEach((level, l) => {
        const name = `column.${i}.c${l}`;
        expectClose(level, goldenImage(golden, name), OUTPUT, name);
      });
    });
  });
}

function checkStep(loaded: GoldenModel, bound: number): void {
  const { golden, model, x, loss, logits } = loaded;
  const step = takeStep(loss, model.trainableWeights, x);
  tf.tidy(() => {
    expectClose(logits(), goldenValue(golden, 'logits.0'), OUTPUT, 'logits');
    expectClose([step.loss], goldenValue(golden, 'loss'), OUTPUT, 'loss');
  });
  const errors = gradientErrors(loaded, step);
  expect(Object.fromEntries([...errors].filter(([, error]) => !(error <= bound)))).toEqual({});
}

async function check(name: string, backprop: Backprop): Promise<void> {
  await expectNoLeak(async () => {
    const loaded = await loadGoldenModel(name, backprop);
    try {
      checkFeatures(loaded);
      checkStep(loaded, GRADIENT[backprop]);
    } finally {
      loaded.model.dispose();
      loaded.x.dispose();
    }
  });
}

const CASES = ['plain', 'huge', 'odd_size', 'sixteen_columns'];
const MODES: Backprop[] = ['reversible', 'stored'];

describeGoldens('goldens of the published architecture', () => {
  describe.each(MODES)('%s', (backprop) => {
    describeBackends('features, logits, loss and gradients', (backend) => {
      // The cpu backend is plain JavaScript, so the smallest case is enough there.
      test.each(backend === 'cpu' ? ['plain'] : CASES)('%s', (name) => check(name, backprop));
    });
  });
});
