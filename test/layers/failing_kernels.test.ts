/** A training step whose n-th kernel fails, for every n: what it leaves, and the step after it. */
import * as tf from '@tensorflow/tfjs';

import { AdamW, layers, tokenCrossEntropy } from 'tfjs-revcol';
import { tidyAll } from '../../src/ops/engine/tensors';
import { describeBackends, expectClose } from '../support/backends';
import { countKernels, failAtKernel } from '../support/failing_kernels';
import { RUNS } from '../support/runs';
import { normalTensor, randomizeWeights, weightValues } from '../support/training_step';

type Backprop = 'reversible' | 'stored';

interface Setup {
  model: tf.LayersModel;
  variables: tf.Variable[];
  loss: () => tf.Scalar;
  dispose: () => void;
}

function setUp(model: tf.LayersModel, x: tf.Tensor, loss: (logits: tf.Tensor) => tf.Tensor): Setup {
  randomizeWeights(model.weights, 3);
  return {
    model,
    variables: model.trainableWeights.map((w) => w.read() as tf.Variable),
    loss: () => loss(model.apply(x, { training: true }) as tf.Tensor) as tf.Scalar,
    dispose: () => {
      model.dispose();
      x.dispose();
    },
  };
}

const COLUMNS = { columns: 2, depths: [1, 0] };

const NETWORKS = {
  'ConvNeXt blocks': (backprop: Backprop) => {
    const inputShape = [2, 2, 2];
    const backbone = { ...COLUMNS, inputShape, channels: [2, 3], patchSize: 1, backprop };
    const model = tf.sequential({
      layers: [layers.revColBackbone(backbone), layers.revColHead({ units: 2 })],
    });
    return setUp(model, normalTensor([1, ...inputShape], 1), (logits) =>
      tf.losses.softmaxCrossEntropy([[0, 1]], logits),
    );
  },
  tokens: (backprop: Backprop) => {
    const embedding = { inputDim: 5, outputDim: 4, sequenceLength: 3, maskZero: true };
    const stem = layers.tokenEmbedding({ ...embedding, positions: 'learned' });
    const block = layers.transformerEncoderBlock({ numHeads: 1, intermediateDim: 4 });
    const backbone = { ...COLUMNS, channels: [4, 4], isotropic: true, stem, block, backprop };
    const ids = tf.input({ shape: [3], dtype: 'int32' });
    const features = layers.revColBackbone(backbone).apply(ids) as tf.SymbolicTensor;
    const outputs = tf.layers.dense({ units: 5 }).apply(features) as tf.SymbolicTensor;
    const x = tf.tensor2d([[2, 4, 0]], [1, 3], 'int32');
    return setUp(tf.model({ inputs: ids, outputs }), x, (logits) =>
      tokenCrossEntropy(tf.tensor2d([[4, 1, 0]], [1, 3], 'int32'), logits),
    );
  },
};

const OPTIMIZERS = { sgd: () => tf.train.sgd(0.1), AdamW: () => new AdamW({ learningRate: 0.1 }) };

/** Whether the columns called the kernel, and no copy that tfjs keeps is to blame. */
function failedInColumns({ error, whileSaving }: ReturnType<typeof failAtKernel>): boolean {
  return error.callers.some((c) => /ops[\\/]reversible[\\/]/.test(c)) && !whileSaving;
}

describeBackends(
  'a failing kernel',
  (backend) => {
    // Some calls by default, and every one in a long run where an operation is one kernel and the way back is
    // ours. The cpu backend stands for those without kernels of ours.
    const strideOf = (backprop: Backprop) =>
      Math.ceil((backend === 'cpu' ? 31 : backprop === 'stored' ? 7 : 3) / RUNS);

    const cases = Object.entries(NETWORKS).flatMap(([name, make]) =>
      (['reversible', 'stored'] as const).map((mode) => [name, mode, make] as const),
    );
    test.each(cases)('in a gradient of %s, %s', (_, backprop, make) => {
      const [setup, fresh] = [make(backprop), make(backprop)];
      const gradientsOf = ({ loss, variables }: Setup) =>
        tidyAll(() => {
          const { grads } = tf.variableGrads(loss, variables);
          return variables.map((v) => grads[v.name]?.dataSync() ?? null);
        });
      const before = weightValues(setup.model.weights);
      const changedWeights = () =>
        [...weightValues(setup.model.weights)]
          .filter(([name, values]) => values.some((v, i) => v !== before.get(name)?.[i]))
          .map(([name]) => name);
      const step = () => void gradientsOf(setup);
      step();
      const calls = countKernels(step);
      expect(calls).toBeGreaterThan(200);
      const stride = strideOf(backprop);
      let inColumns = 0;
      for (let n = 1; n <= calls; n += stride) {
        const failed = failAtKernel(n, step);
        const what = `${failed.error.message} of ${calls}`;
        // As with stock layers, tfjs loses what its tape keeps; not where the columns see the failure.
        const { kept, moreTensors } = failed;
        expect({ what, moreTensors }).toEqual({ what, moreTensors: kept.length });
        if (failedInColumns(failed)) {
          inColumns++;
          expect({ what, moreTensors }).toEqual({ what, moreTensors: 0 });
        }
        tf.dispose(kept);
        expect({ what, changed: changedWeights() }).toEqual({ what, changed: [] });
      }
      // Going back in stored mode is tfjs's own matter.
      expect(inColumns).toBeGreaterThan(calls / stride / (backprop === 'reversible' ? 2 : 10));
      const [again, expected] = [gradientsOf(setup), gradientsOf(fresh)];
      expect(again).toEqual(expected);
      setup.dispose();
      fresh.dispose();
    });

    test.each(Object.entries(OPTIMIZERS))('in an update of %s', (_, makeOptimizer) => {
      const { variables, model, loss, dispose } = NETWORKS['ConvNeXt blocks']('reversible');
      const { grads } = tf.tidy(() => tf.variableGrads(loss, variables));
      const before = variables.map((v) => v.dataSync().slice());
      const restore = () =>
        variables.forEach((v, i) =>
          tf.tidy(() => v.assign(tf.tensor(before[i] as Float32Array, v.shape))),
        );
      const optimizers = () => {
        const optimizer = makeOptimizer();
        optimizer.applyGradients(grads);
        restore();
        return optimizer;
      };
      const whole = optimizers();
      const calls = countKernels(() => whole.applyGradients(grads));
      const after = variables.map((v) => v.dataSync().slice());
      restore();
      whole.dispose();
      for (let n = 1; n <= calls; n += 1 + Math.floor(calls / 40)) {
        const optimizer = optimizers();
        const { error, moreTensors } = failAtKernel(n, () => optimizer.applyGradients(grads));
        expect({ what: error.message, moreTensors }).toEqual({
          what: error.message,
          moreTensors: 0,
        });
        // Like the optimizers of tfjs: weight after weight, each wholly or not at all.
        variables.forEach((v, i) => {
          const now = v.dataSync();
          const isOld = now.every((value, k) => value === before[i]?.[k]);
          if (!isOld) expectClose(now, after[i] as Float32Array, 1e-6, v.name);
        });
        restore();
        optimizer.dispose();
      }
      tf.dispose(grads);
      dispose();
      expect(model.weights.length).toBeGreaterThan(0);
    });
  },
  { only: ['cpu', 'wasm'] },
);
