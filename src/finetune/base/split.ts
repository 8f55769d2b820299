/** Which examples are trained on and which are kept to look at how well it goes. */
import { epochOrder } from '../../augmentation/epoch_order';
import { deriveSeed } from '../../ops/engine/random';

/** Keeps what is drawn here apart from the order of epochs, which has the same seed. */
const PURPOSE = 0x73706c74;

/** Numbers of examples, in ascending order. */
export interface Split {
  readonly training: readonly number[];
  readonly validation: readonly number[];
}

/** The most examples that are kept for validation where nothing is said: more tell hardly more. */
const MOST = 5000;

/** Share of a set of `count` examples that is kept for validation where nothing is said. */
export function usualShare(count: number): number {
  return Math.min(count < 2000 ? 0.2 : 0.1, MOST / count);
}

/**
 * Divides examples so that every class has about the same share in both parts (stratified). Which ones
 * are kept depends on the seed and the number of examples of a class alone. Every class keeps at least one
 * example to train on; one of two examples or more has at least one in each part, where `share` is above 0.
 *
 * @param labels class of each example, from 0
 * @param share of the examples to keep, in [0, 1)
 */
export function stratifiedSplit(labels: readonly number[], share: number, seed: number): Split {
  const members = new Map<number, number[]>();
  labels.forEach((label, i) => {
    const list = members.get(label);
    if (list) list.push(i);
    else members.set(label, [i]);
  });
  const kept = new Set<number>();
  if (share > 0) {
    for (const [label, list] of members) {
      const wanted = Math.max(1, Math.round(share * list.length));
      const count = Math.min(wanted, list.length - 1);
      const order = epochOrder(deriveSeed(seed, PURPOSE), label, list.length);
      for (const i of order.subarray(0, count)) kept.add(list[i] as number);
    }
  }
  const all = labels.map((_, i) => i);
  return {
    training: all.filter((i) => !kept.has(i)),
    validation: all.filter((i) => kept.has(i)),
  };
}
