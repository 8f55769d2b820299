/** Optimizers by the names that a plan knows. */
import * as tf from '@tensorflow/tfjs-core';

import { requireArgument, shown } from '../common/arguments';
import { Adafactor } from '../training/adafactor';
import { AdamW } from '../training/adamw';
import { Lion } from '../training/lion';
import { SGD } from '../training/sgd';

const RATE = 1e-3;

/** Whether weights are updated in the backward pass. */
interface Fused {
  fused: boolean;
}

/** Makes an optimizer of each name: this package's own, which can be fused. */
const OWN = {
  sgd: ({ fused }) => new SGD({ learningRate: RATE, fused }),
  momentum: ({ fused }) => new SGD({ learningRate: RATE, momentum: 0.9, fused }),
  lion: ({ fused }) => new Lion({ learningRate: RATE, fused }),
  adafactor: ({ fused }) => new Adafactor({ learningRate: RATE, fused }),
  adamw: ({ fused }) => new AdamW({ learningRate: RATE, fused }),
  adamw8bit: ({ fused }) => new AdamW({ learningRate: RATE, moments: '8bit', fused }),
} as const satisfies Record<string, (options: Fused) => tf.Optimizer>;

/** Makes an optimizer of each name: tfjs's own, which cannot. */
const STOCK = {
  adam: () => tf.train.adam(RATE),
  rmsprop: () => tf.train.rmsprop(RATE),
  adagrad: () => tf.train.adagrad(RATE),
} as const satisfies Record<string, () => tf.Optimizer>;

/** An optimizer that a plan knows by name. */
export type PlannedOptimizer = keyof typeof OWN | keyof typeof STOCK;

/** Names of optimizers that can be fused. */
export const FUSED_OPTIMIZERS = Object.keys(OWN) as readonly (keyof typeof OWN)[];

/** Names of all optimizers. */
export const OPTIMIZERS: readonly PlannedOptimizer[] = [
  ...FUSED_OPTIMIZERS,
  ...(Object.keys(STOCK) as (keyof typeof STOCK)[]),
];

const has = <T extends object>(table: T, name: unknown): name is keyof T =>
  typeof name === 'string' && Object.hasOwn(table, name);

/**
 * What makes the optimizer.
 *
 * @param fused whether it is to update weights in the backward pass; undefined where nothing is said
 * @throws {Error} when there is none of this name, or `fused` does not go with it
 */
export function optimizerMaker(
  owner: string,
  optimizer: unknown,
  fused: unknown,
): () => tf.Optimizer {
  const isFlag = fused === undefined || typeof fused === 'boolean';
  requireArgument(owner, 'fused', fused, isFlag, 'true or false');
  if (typeof optimizer === 'function') {
    if (fused === undefined) return optimizer as () => tf.Optimizer;
    throw new Error(
      `${owner}: fused is ${String(fused)}, but optimizer is a function; give fused to the optimizer that it ` +
        `makes, such as () => new AdamW({ fused: true })`,
    );
  }
  if (has(OWN, optimizer)) return () => OWN[optimizer]({ fused: fused === true });
  if (has(STOCK, optimizer)) {
    if (!fused) return STOCK[optimizer];
    throw new Error(
      `${owner}: fused is true, but '${optimizer}' is tfjs's own and needs all gradients at once; ` +
        `expected one of ${quoted(FUSED_OPTIMIZERS)}`,
    );
  }
  throw new Error(
    `${owner}: optimizer is ${shown(optimizer)}; expected one of ${quoted(OPTIMIZERS)}, or a ` +
      `function that makes one, such as () => new AdamW()`,
  );
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `'${name}'`).join(', ');
}
