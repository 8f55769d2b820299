/** Models whose weights are read once, several times, or where nobody expects it, to be trained fused. */
import * as tf from '@tensorflow/tfjs';

import { layers, recompute, type RevColBackboneArgs } from 'tfjs-revcol';
import { OwnBlock } from '../../layers/own_layers';
import { normalTensor, randomizeWeights } from '../../support/training_step';

/** A model with the loss of a batch. */
export interface Trained {
  model: tf.LayersModel;
  loss(): tf.Scalar;
  dispose(): void;
}

const SIDE = 8;
const BATCH = 2;
const CLASSES = 3;

/** What blocks of the following kind read. */
const borrowed: { weight?: tf.LayerVariable } = {};

/** A residual block that computes with one weight, which all of its kind share. */
class BorrowingBlock extends tf.layers.Layer {
  static className = 'BorrowingBlock';
  private readonly lists: boolean;

  constructor(args: { name?: string; lists: boolean }) {
    super({ name: args.name });
    this.lists = args.lists;
  }

  /** Says that the weight is its own as well, or does not. */
  override get trainableWeights(): tf.LayerVariable[] {
    return this.lists && borrowed.weight ? [borrowed.weight] : [];
  }

  override get nonTrainableWeights(): tf.LayerVariable[] {
    return [];
  }

  override computeOutputShape(inputShape: tf.Shape): tf.Shape {
    return inputShape;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const x = (Array.isArray(inputs) ? inputs[0] : inputs) as tf.Tensor;
    const factor = tf.mean(tf.tanh((borrowed.weight as tf.LayerVariable).read()));
    return tf.add(x, tf.mul(tf.tanh(x), factor));
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), lists: this.lists };
  }
}
tf.serialization.registerClass(BorrowingBlock, 'tfjs-revcol-tests');

function image(
  args: RevColBackboneArgs,
  head: (features: tf.SymbolicTensor) => tf.SymbolicTensor = (features) =>
    layers.revColHead({ units: CLASSES }).apply(features) as tf.SymbolicTensor,
  change: (model: tf.LayersModel) => void = () => undefined,
): Trained {
  const inputs = tf.input({ shape: [SIDE, SIDE, 2] });
  const backbone = layers.revColBackbone({
    columns: 3,
    channels: [4, 6],
    depths: [1, 2],
    patchSize: 2,
    ...args,
  });
  const model = tf.model({ inputs, outputs: head(backbone.apply(inputs) as tf.SymbolicTensor) });
  randomizeWeights(model.weights, 3);
  change(model);
  const x = normalTensor([BATCH, SIDE, SIDE, 2], 1);
  const y = normalTensor([BATCH, CLASSES], 2);
  return {
    model,
    loss: () => {
      const logits = model.apply(x, { training: true }) as tf.Tensor;
      const penalties = model.calculateLosses();
      return penalties.reduce((sum, p) => tf.add(sum, p), tf.losses.meanSquaredError(y, logits));
    },
    dispose: () => {
      // tfjs counts layers that are applied twice twice, and would keep their weights.
      tf.dispose([x, y, model.weights.map((w) => w.read())]);
    },
  };
}

const flatDense = (layer: tf.layers.Layer) => (features: tf.SymbolicTensor) =>
  layer.apply(tf.layers.globalAveragePooling2d({}).apply(features)) as tf.SymbolicTensor;

/** Makers of models, by what is special about them. */
export const FUSED_MODELS: Readonly<Record<string, () => Trained>> = {
  'ConvNeXt columns': () => image({ topFusion: true, dropPathRate: 0.3 }),
  'stored columns': () => image({ backprop: 'stored' }),
  'own blocks with moving statistics and dropout': () =>
    image({ block: new OwnBlock(), dropPathRate: 0.2 }),
  'several heads': () => {
    const heads = [0, 1, 2].map(() => layers.revColHead({ units: CLASSES }));
    return image({ output: 'columns' }, (features) => {
      const outputs = (features as unknown as tf.SymbolicTensor[]).map((f, i) =>
        heads[i]?.apply(f),
      );
      return tf.layers.add().apply(outputs as tf.SymbolicTensor[]) as tf.SymbolicTensor;
    });
  },
  'frozen columns below trained ones': () =>
    image({}, undefined, (model) => {
      const backbone = model.layers[1] as ReturnType<typeof layers.revColBackbone>;
      backbone.columnLayers.slice(0, 2).forEach((column) => (column.trainable = false));
    }),
  'a frozen head': () =>
    image({}, undefined, (model) => {
      (model.layers[2] as tf.layers.Layer).trainable = false;
    }),
  'penalties of stock layers': () =>
    image(
      {},
      flatDense(
        tf.layers.dense({ units: CLASSES, kernelRegularizer: tf.regularizers.l2({ l2: 0.1 }) }),
      ),
    ),
  'a backbone that is applied twice': () => {
    const shared = layers.revColBackbone({
      ...{ columns: 2, channels: [6, 4], depths: [1, 1], patchSize: 1 },
    });
    return image({}, (features) => {
      const [first, second] = [0, 1].map(() => shared.apply(features)) as tf.SymbolicTensor[];
      const sum = tf.layers.multiply().apply([first, second] as tf.SymbolicTensor[]);
      return flatDense(tf.layers.dense({ units: CLASSES }))(sum as tf.SymbolicTensor);
    });
  },
  'a stock layer before and after': () => {
    const shared = tf.layers.dense({ units: 6, activation: 'tanh' });
    return image({}, (features) => {
      const more = layers.revColBackbone({
        columns: 2,
        channels: [6, 4],
        depths: [1, 1],
        patchSize: 1,
      });
      const middle = more.apply(shared.apply(features)) as tf.SymbolicTensor;
      const wide = tf.layers.dense({ units: 6 }).apply(middle);
      return flatDense(tf.layers.dense({ units: CLASSES }))(
        shared.apply(wide) as tf.SymbolicTensor,
      );
    });
  },
  'blocks that share a weight': () => {
    const shared = tf.layers.dense({ units: 4 });
    shared.apply(tf.input({ shape: [4] }));
    borrowed.weight = shared.weights[0] as tf.LayerVariable;
    const made = image({ block: new BorrowingBlock({ lists: true }) });
    return { ...made, dispose: () => (made.dispose(), tf.dispose(shared.weights[1]?.read())) };
  },
  'frozen blocks that read the head': () => {
    const head = tf.layers.dense({ units: CLASSES });
    head.apply(tf.input({ shape: [6] }));
    borrowed.weight = head.weights[0] as tf.LayerVariable;
    return image(
      { block: new BorrowingBlock({ lists: false }) },
      flatDense(head),
      ({ layers: [, backbone] }) => {
        const { columnLayers } = backbone as ReturnType<typeof layers.revColBackbone>;
        for (const column of columnLayers) {
          for (const part of column.functionLayers) {
            if (part instanceof BorrowingBlock) part.trainable = false;
          }
        }
      },
    );
  },
  'a checkpointed head': () => {
    const made = image({}, (features) => features);
    const w = tf.tidy(() => tf.variable(normalTensor([6, CLASSES], 7), true));
    const head = recompute((features: tf.Tensor4D) =>
      tf.tanh(tf.matMul(tf.tanh(tf.mean(features, [1, 2])) as tf.Tensor2D, w as tf.Tensor2D)),
    );
    const x = normalTensor([BATCH, SIDE, SIDE, 2], 1);
    return {
      model: made.model,
      loss: () =>
        tf.sum(
          tf.square(head(made.model.apply(x, { training: true }) as tf.Tensor4D)),
        ) as tf.Scalar,
      dispose: () => {
        made.dispose();
        tf.dispose([x, w]);
      },
    };
  },
  'decoder blocks over tokens, with a tied head': () => {
    const embedding = layers.tokenEmbedding({ inputDim: 7, outputDim: 4, sequenceLength: 5 });
    const backbone = layers.revColBackbone({
      ...{ columns: 3, channels: [4, 4], depths: [1, 1], isotropic: true, stem: embedding },
      block: layers.transformerDecoderBlock({ numHeads: 2, intermediateDim: 6 }),
    });
    const inputs = tf.input({ shape: [5], dtype: 'int32' });
    const model = tf.model({ inputs, outputs: backbone.apply(inputs) as tf.SymbolicTensor });
    randomizeWeights(model.weights, 5);
    const ids = tf.tensor2d([[1, 2, 3, 4, 5]], [1, 5], 'int32');
    const table = backbone.stem.weights[0] as tf.LayerVariable;
    return {
      model,
      loss: () => {
        const features = tf.reshape(model.apply(ids, { training: true }) as tf.Tensor, [5, 4]);
        const logits = tf.matMul(features, table.read(), false, true);
        return tf.losses.softmaxCrossEntropy(tf.oneHot(tf.reshape(ids, [-1]), 7), logits);
      },
      dispose: () => {
        model.dispose();
        ids.dispose();
      },
    };
  },
};
