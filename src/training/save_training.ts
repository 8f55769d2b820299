/** Saving a training: all that the next step depends on, as one file. */
import { adaptersOf } from '../adapters/adapter_set';
import { requireArgument, requireInteger } from '../common/arguments';
import { requireJson } from '../common/json';
import { type OptionNames, requireOptions } from '../common/options';
import { blobSink, type ByteSink } from '../weights/bytes/sink';
import type { TensorToWrite } from '../weights/safetensors/writer';
import { frozenKeys, keyedVariables } from './keyed_weights';
import { withOptimizerPart } from './optimizer_part';
import { withSaved } from './optimizer_tensors';
import type { NamedTensor } from './saved_states';
import type { SavesWeights, TrainingTarget, TrainingToSave } from './saved_training';
import { toWrite } from './tensor_values';
import { writeTraining } from './training_file';
import { emaName, type Manifest } from './training_manifest';
import { emaConfig, requireParts } from './training_parts';
import { targetSink } from './training_target';

const OWNER = 'saveTraining';

const NAMES: OptionNames<TrainingToSave> = {
  model: true,
  optimizer: true,
  ema: true,
  variables: true,
  step: true,
  extra: true,
};

/**
 * Saves all that the next step of training depends on: the model's weights (frozen ones, moving statistics
 * and adapters, too), the optimizer's state, averages of weights, and the number of the step. Together with
 * steps that depend on nothing but their number, a run that is stopped and resumed ends with the very
 * weights, to the bit, that it has without the stop.
 *
 * Written beside its target first, and put in its place when it is whole and on the disk: whenever
 * the process dies, the target holds what was saved before or what is saved now. Memory: the largest
 * tensor (and the whole file for a `Blob` or IndexedDB, where the browser keeps it there). The file is
 * of the safetensors format.
 *
 * Await it before the next step.
 *
 * @param target a path in Node, whose folder is made where there is none; `'indexeddb://NAME'` in
 *   browsers; null for a `Blob`, which is returned
 * @throws {Error} when a part is none, `extra` is not plain JSON, or training went on meanwhile
 * @throws {CheckpointError} 'io' when it cannot be written; 'unsupported' when the optimizer cannot be
 *   saved, or there is no such place here; 'mismatch' when the optimizer keeps something for a variable
 *   that is not among the parts. What the target held is then as it was
 * @throws {BackendLostError} when the backend has lost its device
 */
export async function saveTraining(target: TrainingTarget, training: TrainingToSave): Promise<void>;
export async function saveTraining(target: null, training: TrainingToSave): Promise<Blob>;
export async function saveTraining(
  target: TrainingTarget | null,
  training: TrainingToSave,
): Promise<Blob | void> {
  requireOptions(OWNER, training, NAMES);
  requireParts(OWNER, training);
  requireInteger(OWNER, 'step', training.step, 0);
  if (training.extra !== undefined) requireJson(OWNER, 'extra', training.extra);
  requireArgument(
    OWNER,
    'target',
    target,
    target === null || typeof target === 'string',
    "a path (in Node), 'indexeddb://NAME' (in browsers), or null for a Blob",
  );
  return target === null
    ? write(async () => blobSink(), training)
    : write(() => targetSink(OWNER, target), training);
}

async function write<Result>(
  open: () => Promise<ByteSink<Result>>,
  training: TrainingToSave,
): Promise<Result> {
  const { model, optimizer, ema, step, extra } = training;
  const keyed = keyedVariables(training);
  const weights = keyed.map(({ key, variable }) => toWrite(key, variable));
  const adapters = adaptersOf(model);
  return withOptimizerPart(optimizer, keyed, (part) =>
    withEma(ema, async (averages) => {
      const manifest: Manifest = {
        step,
        extra,
        model: {
          name: model.name,
          frozen: frozenKeys(model, keyed),
          ...(adapters ? { adapters: { rank: adapters.rank, alpha: adapters.alpha } } : {}),
        },
        optimizer: part.manifest,
        ...(averages && ema
          ? { ema: { names: averages.map(({ name }) => name), config: emaConfig(ema) } }
          : {}),
      };
      const tensors: TensorToWrite[] = [
        ...weights,
        ...part.tensors,
        ...(averages ?? []).map(({ tensor }, i) => toWrite(emaName(i), tensor)),
      ];
      return writeTraining(await open(), manifest, tensors, () => {
        if (optimizer.iterations === part.manifest.iterations) return;
        throw new Error(
          `${OWNER}: training went on to iteration ${optimizer.iterations} while iteration ` +
            `${part.manifest.iterations} was being saved; await ${OWNER} before the next step`,
        );
      });
    }),
  );
}

function withEma<T>(
  ema: SavesWeights | undefined,
  use: (averages: NamedTensor[] | null) => Promise<T>,
): Promise<T> {
  return ema ? withSaved(ema, use) : use(null);
}
