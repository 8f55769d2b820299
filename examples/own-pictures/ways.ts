/** Fine-tuning of a network on classes that it has not seen, in every way there is. */
import * as tf from '@tensorflow/tfjs';

import { createModel, evaluate, type ExampleSource, fineTune } from 'tfjs-revcol';
import { NETWORK, SIDE } from './network';

/** What a way of training came to. */
interface WayResult {
  /** Share of the official test pictures of its classes that are classified rightly. */
  top1: number;
  loss: number;
  seconds: number;
  /** Most bytes in tensors during training. */
  peakBytes: number;
  epochs: number;
  trainedParameters: number;
}

/** What was learned, and how. */
export interface WaysResult {
  base: WayResult;
  trainingPictures: number;
  ways: Record<string, WayResult>;
  /** Largest difference of the test loss between stored and reversible training of everything. */
  storedAndReversibleDiffer: { loss: number; top1: number };
}

/** Pictures of each class that are fine-tuned on. */
const FEW = 40;

/** Some classes of a source, at most so many pictures of each. */
function only(
  source: ExampleSource,
  classNames: readonly string[],
  most = Infinity,
): ExampleSource {
  const counts = new Map<number, number>();
  const kept: number[] = [];
  for (let i = 0; i < source.length; i++) {
    const label = classNames.indexOf(source.classNames[source.label(i)] as string);
    const count = counts.get(label) ?? 0;
    if (label < 0 || count >= most) continue;
    counts.set(label, count + 1);
    kept.push(i);
  }
  const at = (index: number) => kept[index] as number;
  return {
    length: kept.length,
    classNames,
    label: (index) => classNames.indexOf(source.classNames[source.label(at(index))] as string),
    name: (index) => source.name(at(index)),
    read: (index) => source.read(at(index)),
    close: () => source.close(),
  };
}

/** The network, with weights of another one but for the head. */
function network(backprop: 'reversible' | 'stored', base?: tf.LayersModel): tf.LayersModel {
  const model = createModel('revcol_tiny', {
    ...NETWORK,
    inputShape: [SIDE, SIDE, 3],
    numClasses: 5,
    backprop,
  });
  if (base) {
    model.setWeights(base.getWeights());
    // With the names of its classes, which are others than the ones to come: the head will be a new one.
    model.setUserDefinedMetadata(base.getUserDefinedMetadata() ?? {});
  }
  return model;
}

/** Trains, and evaluates on the pictures for testing. */
async function measured(
  model: Parameters<typeof fineTune>[0],
  training: ExampleSource,
  test: ExampleSource,
  options: Parameters<typeof fineTune>[2],
): Promise<{ model: tf.LayersModel; result: WayResult }> {
  const tuned = await fineTune(model, training, { seed: 1, ...options });
  const { top1, loss } = await evaluate(tuned.model, test, { batchSize: 100 });
  const epochs = Math.ceil(tuned.history.at(-1)?.epoch ?? 0);
  const result = {
    top1,
    loss,
    seconds: Math.round(tuned.seconds),
    peakBytes: Math.max(...tuned.history.map(({ peakBytes = 0 }) => peakBytes)),
    epochs,
    trainedParameters: tuned.trainedParameters,
  };
  return { model: tuned.model, result };
}

/** Trains a network on five classes, then on some pictures of the other five. */
export async function fineTuneInAllWays(
  train: ExampleSource,
  test: ExampleSource,
  baseEpochs: number,
  epochs: number,
): Promise<WaysResult> {
  const names = train.classNames;
  const [first, second] = [names.slice(0, 5), names.slice(5)];
  const base = await measured(network('reversible'), only(train, first), only(test, first), {
    epochs: baseEpochs,
    learningRate: 3e-3,
    layerDecay: 1,
    headEpochs: 0,
  });
  console.log('base', base.result);
  const few = only(train, second, FEW);
  const ways: Record<string, WayResult> = {};
  const all = { epochs, train: 'all', learningRate: 2e-3 } as const;
  for (const [name, backprop, options] of [
    ['head only', 'reversible', { epochs, train: 'head' }],
    ['adapters', 'reversible', { epochs, train: 'adapters', learningRate: 4e-3 }],
    ['everything', 'reversible', all],
    ['everything, stored', 'stored', all],
    ['from random weights', 'reversible', { ...all, headEpochs: 0, layerDecay: 1 }],
  ] as const) {
    const isRandom = name === 'from random weights';
    const given = network(backprop, isRandom ? undefined : base.model);
    const { model, result } = await measured(given, few, only(test, second), options);
    console.log(name, result);
    ways[name] = result;
    model.dispose();
    if (model !== given) given.dispose();
  }
  const [reversible, stored] = [ways['everything'], ways['everything, stored']] as [
    WayResult,
    WayResult,
  ];
  return {
    base: base.result,
    trainingPictures: few.length,
    ways,
    storedAndReversibleDiffer: {
      loss: Math.abs(stored.loss - reversible.loss),
      top1: Math.abs(stored.top1 - reversible.top1),
    },
  };
}
