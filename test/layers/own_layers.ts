/** Blocks and fusions as a user would write them. */
import * as tf from '@tensorflow/tfjs';

/**
 * A residual block of stock layers, which passes on the weights of its parts by itself, as tfjs
 * wants it of layers that hold layers.
 */
export class OwnBlock extends tf.layers.Layer {
  static className = 'OwnBlock';
  private readonly parts: tf.layers.Layer[];
  private readonly rate: number;

  constructor(args: { name?: string; rate?: number } = {}) {
    super(args);
    this.rate = args.rate ?? 0.3;
    this.parts = [
      tf.layers.batchNormalization({ name: 'bn', momentum: 0.5 }),
      tf.layers.activation({ name: 'act', activation: 'tanh' }),
      tf.layers.dropout({ name: 'drop', rate: this.rate }),
    ];
  }

  override build(inputShape: tf.Shape): void {
    const width = inputShape[inputShape.length - 1] as number;
    this.parts.push(tf.layers.dense({ name: 'mix', units: width }));
    this.parts.forEach((part) => {
      part.build(inputShape);
      part.built = true;
    });
    this.built = true;
  }

  override get trainableWeights(): tf.LayerVariable[] {
    return this.trainable ? (this.parts ?? []).flatMap((part) => part.trainableWeights) : [];
  }

  override get nonTrainableWeights(): tf.LayerVariable[] {
    return this.parts.flatMap((part) => (this.trainable ? part.nonTrainableWeights : part.weights));
  }

  override computeOutputShape(inputShape: tf.Shape): tf.Shape {
    return inputShape;
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: { training?: boolean }): tf.Tensor {
    const x = (Array.isArray(inputs) ? inputs[0] : inputs) as tf.Tensor;
    const y = this.parts.reduce((t, part) => part.apply(t, kwargs) as tf.Tensor, x);
    return tf.add(x, y);
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), rate: this.rate };
  }
}

/** Adds a learned multiple of the upper operand, resized, to a pooled and widened lower one. */
export class OwnFusion extends tf.layers.Layer {
  static className = 'OwnFusion';

  override build(inputShape: tf.Shape[]): void {
    const [lower, upper] = inputShape.map((shape) => shape[shape.length - 1] as number);
    const init = tf.initializers.randomNormal({ stddev: 0.1, seed: 3 });
    this.addWeight('kernel', [upper as number, lower as number], 'float32', init);
    this.built = true;
  }

  override computeOutputShape(inputShape: tf.Shape[]): tf.Shape {
    return inputShape[0] as tf.Shape;
  }

  override call(inputs: tf.Tensor[]): tf.Tensor {
    const [lower, upper] = inputs as [tf.Tensor, tf.Tensor];
    const kernel = (this.weights[0] as tf.LayerVariable).read() as tf.Tensor2D;
    const width = kernel.shape[1];
    const flat = tf.matMul(tf.reshape(upper, [-1, kernel.shape[0]]), kernel);
    return tf.add(lower, tf.reshape(flat, [...upper.shape.slice(0, -1), width]));
  }
}

tf.serialization.registerClass(OwnBlock, 'tfjs-revcol-tests');
tf.serialization.registerClass(OwnFusion, 'tfjs-revcol-tests');
