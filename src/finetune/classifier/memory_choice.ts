/** What fits into the memory that training may take. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import type { AdapterOptions } from '../../adapters/add_adapters';
import { bytesText } from '../../common/bytes';
import { memoryPlan, type MemoryPlanOptions } from '../../plan/memory_plan';
import { AdamW } from '../../training/adamw';
import type { TrainedParts } from '../base/defaults';
import type { StepForm } from '../base/plan';
import { PartsSwitch } from '../run/trained_parts';
import type { PreparedModel } from './prepare';

/** What is asked for. */
interface Wanted {
  readonly train: TrainedParts | undefined;
  readonly batch: number;
  readonly adapters: AdapterOptions | undefined;
  /** As the option has it; undefined: where all are trained. */
  readonly ema: boolean | number | undefined;
  /** Bytes that there are. */
  readonly memory: number;
}

/**
 * Chooses how many examples are computed at once, and, where it is left open, what is trained: the first of
 * all, adapters, head that fits. Counts what else lives in tensors now.
 *
 * @throws {Error} when nothing fits, with what the least would take
 */
export function fitMemory(owner: string, prepared: PreparedModel, wanted: Wanted): StepForm {
  const { train, batch, memory } = wanted;
  const least: string[] = [];
  const { model } = prepared;
  const others = tf.memory().numBytes - bytesOf(new Set(model.weights));
  for (const parts of train ? [train] : (['all', 'adapters', 'head'] as const)) {
    for (let part = batch; ; part = Math.ceil(part / 2)) {
      const bytes = others + plannedBytes(prepared, parts, part, wanted);
      if (bytes <= memory) {
        return { train: parts, part, parts: Math.ceil(batch / part), plannedBytes: bytes };
      }
      if (part > 1) continue;
      least.push(`${WORDS[parts]} ${bytesText(bytes)}`);
      break;
    }
  }
  throw new Error(
    `${owner}: memory is ${bytesText(memory)}, but with one example at a time training takes ` +
      `${least.join(', ')}${others > 0 ? `, ${bytesText(others)} of it other tensors that live now` : ''}. ` +
      `Give more memory, smaller pictures or a smaller model` +
      (train === 'all' ? ', or leave train out, so that less of it may be trained' : ''),
  );
}

const WORDS: Readonly<Record<TrainedParts, string>> = {
  all: 'of everything',
  adapters: 'of adapters',
  head: 'of the head',
};

function bytesOf(weights: Iterable<{ shape: (number | null)[] }>): number {
  return [...weights].reduce(
    (sum, { shape }) => sum + 4 * shape.reduce<number>((n, s) => n * (s ?? 1), 1),
    0,
  );
}

/** What a step takes, averages of weights and sums of gradients included. */
function plannedBytes(
  { model, head, input }: PreparedModel,
  train: TrainedParts,
  part: number,
  { adapters, ema = train === 'all', batch }: Wanted,
): number {
  const isWhole = part === batch;
  const parts = new PartsSwitch(model, head.layers);
  try {
    if (train !== 'adapters') parts.train(train, undefined, 0);
    const [height, width] = input?.inputSize ?? [];
    const plan = memoryPlan(model, {
      optimizer: () => new AdamW({ fused: isWhole }),
      batch: part,
      backend: tf.getBackend() as MemoryPlanOptions['backend'],
      ...(height !== undefined && height === width ? { side: height } : {}),
      ...(train === 'adapters' ? { adapters: parts.adapterOptions(adapters) } : {}),
    });
    const averages = ema === false ? 0 : 4 * plan.parameters;
    if (isWhole) return plan.peakBytes + averages;
    // Sums of gradients, and the whole batch, of which a part is a copy.
    const [{ shape }] = model.inputs as [tfl.SymbolicTensor];
    const example =
      4 * tf.util.sizeFromShape(shape.slice(1).map((size, i) => size ?? input?.inputSize[i] ?? 1));
    return plan.peakBytes + averages + 4 * plan.trainedParameters + batch * example;
  } finally {
    parts.undo();
  }
}
