/** A step in which weights are updated in the middle of the backward pass, and what is refused there. */
import * as tf from '@tensorflow/tfjs-core';

import { isCompilingOnly } from '../ops/engine/compile_only';
import { isInGradient } from '../ops/engine/engine';
import { readAtOnce } from '../ops/engine/lost_backend';
import { sweep, type SweepActions } from '../ops/engine/sweep';
import { NotFiniteLossError } from './not_finite_loss';

/**
 * A step that failed when some weights had been updated already. No weight is half updated: each is as
 * before the step or as after it, together with its moments and its count of steps.
 */
export class FusedStepError extends Error {
  override name = 'FusedStepError';

  /**
   * @param owner the optimizer
   * @param updated names of the weights that have been updated, in that order
   * @param notUpdated names of the weights that are as they were
   * @param cause what failed
   */
  constructor(
    owner: string,
    readonly updated: readonly string[],
    readonly notUpdated: readonly string[],
    cause: unknown,
  ) {
    super(
      `${owner}: a step failed (${cause instanceof Error ? cause.message : String(cause)}) when ` +
        `${updated.length} of ${updated.length + notUpdated.length} weights had been updated: ` +
        `${listed(updated)}. As before the step are ${listed(notUpdated)}. Each of them is wholly ` +
        `updated or not at all. Go on from there, or load the weights of the last good step`,
      { cause },
    );
  }
}

function listed(names: readonly string[]): string {
  if (names.length === 0) return 'none';
  return names.slice(0, 5).join(', ') + (names.length > 5 ? ', ...' : '');
}

/**
 * Minimises a loss and updates each weight as soon as nothing in the backward pass needs it any more.
 *
 * @param variables those to be updated, as `Optimizer.minimize` gets them
 * @param isSafe whether to change nothing where the loss is not finite
 * @param actions prepares the step, and updates one weight
 * @returns the loss, the caller's
 * @throws {FusedStepError} when it fails in the middle; what is thrown before any change comes as it is
 */
export function fusedStep(
  owner: string,
  f: () => tf.Scalar,
  variables: readonly tf.Variable[] | undefined,
  isSafe: boolean,
  actions: SweepActions,
): tf.Scalar {
  if (isInGradient()) {
    throw new Error(
      `${owner}: minimize was called while a gradient is being recorded, whose backward pass would ` +
        `find other weights than its forward pass; call it outside, or set fused: false`,
    );
  }
  const all = new Set(variables ?? Object.values(tf.engine().registeredVariables));
  const trained = [...all].filter((v) => v.trainable);
  if (trained.length === 0) {
    throw new Error(`${owner}: none of ${all.size} variables is trainable; set trainable = true`);
  }
  const updated: string[] = [];
  let reached: readonly tf.Variable[] = [];
  try {
    return sweep(f, trained, {
      start: (loss, found) => {
        if (isSafe && !isCompilingOnly()) requireFinite(owner, loss);
        actions.start(loss, found);
        reached = found;
      },
      update: (variable, gradient) => {
        actions.update(variable, gradient);
        updated.push(variable.name);
      },
    }) as tf.Scalar;
  } catch (error) {
    if (updated.length === 0) throw error;
    const rest = reached.map(({ name }) => name).filter((name) => !updated.includes(name));
    throw new FusedStepError(owner, updated, rest, error);
  }
}

function requireFinite(owner: string, loss: tf.Tensor): void {
  const value = readLoss(owner, loss);
  if (Number.isFinite(value)) return;
  throw new NotFiniteLossError(owner, value);
}

function readLoss(owner: string, loss: tf.Tensor): number {
  try {
    return readAtOnce(loss)[0] as number;
  } catch (cause) {
    throw new Error(
      `${owner}: fused: 'safe' reads the loss before the backward pass, which backend ` +
        `'${tf.getBackend()}' cannot do at once; set fused: true and look at the loss after the step`,
      { cause },
    );
  }
}
