/** Golden checkpoints compute here what they compute in PyTorch. */
import * as tf from '@tensorflow/tfjs';

import { compoundLoss, loadCheckpoint, type RevColBackbone } from 'tfjs-revcol';
import { modelWeights, shapeOf } from '../../src/weights/names/model_weights';
import { describeBackends, expectClose, expectNoLeak } from '../support/backends';
import { describeGoldens, type Golden, type GoldenTensor } from '../support/goldens';
import { takeStep } from '../support/training_step';
import {
  GOLDEN_CASES,
  GOLDEN_FORMATS,
  type GoldenCase,
  goldenExpected,
  goldenModel,
  goldenPath,
  goldenTensor,
  outputsOf,
} from './support/golden_model';

const OUTPUT_TOLERANCE = 1e-5;
const GRADIENT_TOLERANCE = 1e-4;

/** Names of the golden tensors that the model puts out, in the order of its outputs. */
function outputNames({ tensors }: Golden): string[] {
  const names = [...tensors.keys()].filter((name) => /^(logits|image)\.\d+$/.test(name));
  const isImage = (name: string): number => Number(name.startsWith('image'));
  return names.sort((a, b) => isImage(a) - isImage(b) || a.localeCompare(b));
}

/** Features of every column and level, by the golden's name for them. */
function columnFeatures(backbone: RevColBackbone, x: tf.Tensor): Map<string, tf.Tensor> {
  const features = new Map<string, tf.Tensor>();
  const stem = backbone.stem.apply(x) as tf.Tensor;
  let levels: tf.Tensor[] = [];
  backbone.columnLayers.forEach((column, i) => {
    levels = column.apply(i === 0 ? stem : [stem, ...levels]) as tf.Tensor[];
    levels.forEach((level, l) => features.set(`column.${i}.c${l}`, level));
  });
  return features;
}

async function checkOutputs(name: GoldenCase, format: (typeof GOLDEN_FORMATS)[number]) {
  const golden = goldenExpected(name);
  const model = goldenModel(golden);
  const report = await loadCheckpoint(model, goldenPath(name, format));
  expect(report.loaded).toHaveLength(model.weights.length);
  expect([...report.missing, ...report.unexpected]).toEqual([]);
  tf.tidy(() => {
    const x = goldenTensor(golden, 'x');
    const names = outputNames(golden);
    const outputs = outputsOf(model, x);
    expect(outputs).toHaveLength(names.length);
    names.forEach((output, i) => {
      const expected = goldenTensor(golden, output);
      expectClose(outputs[i] as tf.Tensor, expected, OUTPUT_TOLERANCE, output);
    });
  });
  return { golden, model };
}

// On cpu this takes a minute, and tells nothing that the goldens of the layers do not.
const EXCEPT = { except: ['cpu'] };

describeGoldens('golden checkpoints', () => {
  const outputs = (): void => {
    test.each(GOLDEN_CASES)('%s.pth, with the features of every column', async (name) => {
      await expectNoLeak(async () => {
        const { golden, model } = await checkOutputs(name, '.pth');
        const backbone = model.getLayer('backbone') as RevColBackbone;
        const expected = [...golden.tensors.keys()].filter((key) => key.startsWith('column.'));
        tf.tidy(() => {
          const got = columnFeatures(backbone, goldenTensor(golden, 'x'));
          // The golden of the widest classifiers leaves them out.
          if (name !== 'supervised_many_classes') {
            expect([...got.keys()].sort()).toEqual(expected.sort());
          }
          for (const key of expected) {
            const features = got.get(key) as tf.Tensor;
            expectClose(features, goldenTensor(golden, key), OUTPUT_TOLERANCE, key);
          }
        });
        model.dispose();
      });
    });

    test.each(GOLDEN_CASES)('%s.weights.safetensors', async (name) => {
      const { model } = await checkOutputs(name, '.weights.safetensors');
      model.dispose();
    });
  };
  describeBackends('outputs', outputs, EXCEPT);

  const gradients = (): void => {
    test.each(['reversible', 'stored'] as const)('%s', async (backprop) => {
      const golden = goldenExpected('supervised');
      const model = goldenModel(golden, { backprop });
      await loadCheckpoint(model, goldenPath('supervised', '.pth'));
      const { mapped } = modelWeights(model);
      const [x, image01, target] = ['x', 'image01', 'target'].map((n) => goldenTensor(golden, n));
      const loss = () =>
        compoundLoss({ imageWeight: 3, classWeight: 0.7 })(
          model.apply(x as tf.Tensor, { training: true }) as tf.Tensor[],
          target as tf.Tensor,
          image01,
        );
      await expectNoLeak(() => {
        const step = takeStep(loss, model.trainableWeights, x);
        expectClose([step.loss], golden.tensors.get('loss')?.data ?? [], OUTPUT_TOLERANCE, 'loss');
        const dx = goldenTensor(golden, 'grad.x');
        expectClose(step.input ?? [], dx, GRADIENT_TOLERANCE, 'grad.x');
        dx.dispose();
        const expected = [...golden.tensors.keys()].filter((key) => /^grad\.(?!x$)/.test(key));
        expect(expected).toHaveLength(mapped.size);
        for (const key of expected) {
          const data = (golden.tensors.get(key) as GoldenTensor).data;
          // The first column has no previous one to scale: PyTorch gives its alphas zeros.
          if (key.startsWith('grad.subnet0.alpha')) {
            expect(data.every((g) => g === 0)).toBe(true);
            continue;
          }
          const weight = mapped.get(key.slice('grad.'.length));
          if (!weight) throw new Error(`the model has no weight for ${key}`);
          const own = step.gradients.get(weight.variable.originalName) as Float32Array;
          const got = weight.layout.toPublished(own, shapeOf(weight.variable));
          expectClose(got, data, GRADIENT_TOLERANCE, key);
        }
      });
      tf.dispose([x, image01, target] as tf.Tensor[]);
      model.dispose();
    });
  };
  describeBackends('gradients of intermediate supervision', gradients, EXCEPT);
});
