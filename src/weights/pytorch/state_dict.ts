/** Finding the tensors in what a PyTorch checkpoint holds. */

import { CheckpointError } from '../errors';
import {
  describe,
  isTensor,
  PickleDict,
  type PickleValue,
  type TensorView,
} from '../pickle/values';

/** Tensors by name, and what stood beside them. */
export interface StateDict {
  readonly tensors: ReadonlyMap<string, TensorView>;
  readonly metadata: ReadonlyMap<string, PickleValue>;
}

/** Where training code keeps the weights, in this order. */
const USUAL_KEYS = ['model', 'state_dict', 'model_state_dict'] as const;

/** A dict that refers to itself, or to one other many times, could be walked for ever. */
const MAX_NESTING = 16;
/** Tensors, and items of dicts that were walked before. What a file holds once is bounded by its size. */
const MAX_VISITS = 1 << 14;
const MAX_NAME = 1024;

/**
 * Chooses the weights in a checkpoint's top value: under `key` if given, else under `model`,
 * `state_dict` or `model_state_dict`, else the value itself. Tensors in nested dicts get dotted
 * names. The state of optimizers is no weights, wherever it stands; only a `key` that names it
 * gives it.
 *
 * @throws {CheckpointError} 'format' when there are no weights; 'mismatch' when `key` is absent;
 * 'unsupported' when the dicts are nested without end; 'corrupt' when two tensors have one name.
 */
export function chooseStateDict(top: PickleValue, key?: string): StateDict {
  if (!(top instanceof PickleDict)) {
    throw new CheckpointError(
      'format',
      `The file holds ${describe(top)}, not a dict of weights; save with ` +
        `torch.save({'model': model.state_dict()}, path)`,
    );
  }
  const chosenKey = key ?? USUAL_KEYS.find((usual) => top.get(usual) instanceof PickleDict);
  const chosen = chosenKey === undefined ? top : valueAt(top, chosenKey);
  if (!(chosen instanceof PickleDict)) {
    throw new CheckpointError(
      'mismatch',
      `The file holds ${chosen === undefined ? 'nothing' : describe(chosen)} under ` +
        `'${chosenKey}'; its keys are ${keyList(top)}`,
    );
  }
  if (chosen === top && isOptimizerState(top)) {
    throw new CheckpointError(
      'format',
      "The file holds an optimizer's state, not weights; give the file that the model was saved to",
    );
  }
  const tensors = new Map<string, TensorView>();
  const metadata = new Map<string, PickleValue>();
  collectTensors(chosen, tensors);
  for (const [name, value] of top.entries()) {
    const weights = (value instanceof PickleDict && !isOptimizerState(value)) || isTensor(value);
    const inside = value === chosen || (chosen === top && weights);
    if (typeof name === 'string' && !inside) metadata.set(name, value);
  }
  if (tensors.size === 0) {
    const where = chosenKey === undefined ? 'the file' : `'${chosenKey}'`;
    throw new CheckpointError(
      'format',
      `There are no tensors in ${where}; the file's keys are ${keyList(top)}`,
    );
  }
  return { tensors, metadata };
}

/** The value under a key, or under keys joined by dots: `state_dict.ema`. */
function valueAt(dict: PickleDict, key: string): PickleValue | undefined {
  const value = dict.get(key);
  if (value !== undefined) return value;
  for (let dot = key.indexOf('.'); dot > 0; dot = key.indexOf('.', dot + 1)) {
    const inner = dict.get(key.slice(0, dot));
    const found = inner instanceof PickleDict ? valueAt(inner, key.slice(dot + 1)) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

function collectTensors(root: PickleDict, tensors: Map<string, TensorView>): void {
  let visits = 0;
  const seen = new Set<PickleDict>();
  const visit = (dict: PickleDict, prefix: string, depth: number): void => {
    const again = seen.has(dict);
    seen.add(dict);
    for (const [key, value] of dict.entries()) {
      if (again || isTensor(value)) visits++;
      // Whatever else there is, such as a log, is no part of a name.
      const isPart = value instanceof PickleDict || isTensor(value);
      if (!isPart && visits <= MAX_VISITS) continue;
      if (typeof key !== 'string' && typeof key !== 'number') continue;
      const name = `${prefix}${key}`;
      if (visits > MAX_VISITS || depth > MAX_NESTING || name.length > MAX_NAME) {
        throw new CheckpointError(
          'unsupported',
          `The dict of weights is nested over ${MAX_NESTING} deep, or has over ${MAX_VISITS} ` +
            `tensors, or names of over ${MAX_NAME} letters`,
        );
      }
      if (isOptimizerState(value)) continue;
      if (value instanceof PickleDict) visit(value, `${name}.`, depth + 1);
      else if (isTensor(value)) {
        if (tensors.has(name)) {
          throw new CheckpointError('corrupt', `The file holds two tensors named ${name}`);
        }
        tensors.set(name, value);
      }
    }
  };
  visit(root, '', 0);
}

/**
 * Whether this is what `torch.optim.Optimizer.state_dict` gives: `param_groups`, a list of dicts, each
 * with its `params`, beside the state of each parameter.
 */
function isOptimizerState(value: PickleValue): boolean {
  if (!(value instanceof PickleDict)) return false;
  const groups = value.get('param_groups');
  return (
    Array.isArray(groups) &&
    groups.every((group) => group instanceof PickleDict && Array.isArray(group.get('params')))
  );
}

function keyList(dict: PickleDict): string {
  const keys = [...dict.entries()].map(([key]) => (typeof key === 'string' ? `'${key}'` : '...'));
  const shown = keys.slice(0, 12).map((key) => key.slice(0, 80));
  return `${shown.join(', ') || 'none'}${keys.length > shown.length ? ', ...' : ''}`;
}
