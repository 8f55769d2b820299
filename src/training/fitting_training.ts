/** Whether saved training is that of the parts that it is loaded into, and what differs where it is not. */
import type * as tf from '@tensorflow/tfjs-core';

import { adaptersOf } from '../adapters/adapter_set';
import { show, shown } from '../common/arguments';
import { CheckpointError } from '../weights/errors';
import { frozenKeys, type KeyedVariable } from './keyed_weights';
import { insidesOf } from './optimizer_insides';
import { groupEffects, plainConfig } from './optimizer_part';
import type { TrainingParts } from './saved_training';
import { seedOf } from './seed_training';
import { fileType } from './tensor_values';
import type { TrainingFile } from './training_file';
import { emaConfig } from './training_parts';

/** Arguments of optimizers that may differ: state, what changes no value, and what is compared by its effect. */
const FREE_ARGUMENTS = ['learningRate', 'fused', 'groups'];

const OWNER = 'loadTraining';

function misfit(detail: string): CheckpointError {
  return new CheckpointError('mismatch', `${OWNER}: ${detail}`);
}

/**
 * Asserts that parts are like those that were saved.
 *
 * @param sameArguments whether the optimizer's arguments must be the same
 * @throws {CheckpointError} 'mismatch' that says what differs
 */
export function requireFit(
  file: TrainingFile,
  parts: TrainingParts,
  keyed: readonly KeyedVariable[],
  sameArguments: boolean,
): void {
  requireSameAdapters(file, parts);
  requireSameWeights(file, keyed);
  requireSameFrozen(file, parts, keyed);
  requireSameClass(file, parts.optimizer);
  if (sameArguments) requireSameArguments(file, parts.optimizer, keyed);
  requireKnownStates(file, parts.optimizer);
  requireSameAverages(file, parts, sameArguments);
}

function requireSameAverages(
  file: TrainingFile,
  parts: TrainingParts,
  sameArguments: boolean,
): void {
  const { ema } = file.manifest;
  if (ema && !parts.ema) {
    throw misfit(`averages of the weights are saved at ${file.label}; pass ema, which takes them`);
  }
  if (!ema && parts.ema) {
    throw misfit(
      `no averages of the weights are saved at ${file.label}; leave ema out, and begin them anew from ` +
        `the weights that are loaded`,
    );
  }
  if (!ema || !parts.ema || !sameArguments) return;
  const differences = differing(ema.config, emaConfig(parts.ema));
  if (differences.length === 0) return;
  throw misfit(`the averages were made with other options: ${listed(differences)}. ${ADVICE}`);
}

const ADVICE = `Make it with the same, or pass hyperparameters: 'any'`;

/** What has another value, but for what may. */
function differing(then: object, now: object, free: readonly string[] = []): string[] {
  const [before, here] = [then, now] as Record<string, unknown>[];
  return [...new Set([...Object.keys(then), ...Object.keys(now)])].flatMap((name) => {
    const [was, is] = [before?.[name], here?.[name]];
    const same = JSON.stringify(was) === JSON.stringify(is);
    return same || free.includes(name) ? [] : [`${name} was ${shown(was)}, here ${shown(is)}`];
  });
}

function requireSameAdapters(file: TrainingFile, { model }: TrainingParts): void {
  const { adapters: saved } = file.manifest.model;
  const own = adaptersOf(model);
  if (!saved && !own) return;
  if (saved && !own) {
    throw misfit(
      `the model that was saved had adapters, ${model.name} has none; call addAdapters(model, {rank: ` +
        `${saved.rank}, alpha: ${saved.alpha}, ...}) first`,
    );
  }
  if (!saved || !own) {
    throw misfit(`${model.name} has adapters, the model that was saved had none`);
  }
  if (saved.rank === own.rank && saved.alpha === own.alpha) return;
  throw misfit(
    `the adapters of ${model.name} have rank ${own.rank} and alpha ${own.alpha}; those that were saved ` +
      `have rank ${saved.rank} and alpha ${saved.alpha}`,
  );
}

function requireSameWeights(file: TrainingFile, keyed: readonly KeyedVariable[]): void {
  const isWeight = (name: string) => /^(model|variables)\//.test(name);
  const known = new Map(keyed.map(({ key, variable }) => [key, variable]));
  const unexpected = [...file.entries.keys()].filter((name) => isWeight(name) && !known.has(name));
  const missing = [...known.keys()].filter((key) => !file.entries.has(key));
  const others = [...known].flatMap(([key, variable]) => {
    const entry = file.entries.get(key);
    const fits =
      !entry ||
      (entry.dtype === fileType(variable.dtype) && String(entry.shape) === String(variable.shape));
    return fits ? [] : [`${key} ${show(entry.shape)}, here ${show(variable.shape)}`];
  });
  if (unexpected.length + missing.length + others.length === 0) return;
  const differences = [
    ...(others.length > 0 ? [`of another shape or type: ${listed(others)}`] : []),
    ...(unexpected.length > 0 ? [`saved, but not here: ${listed(unexpected)}`] : []),
    ...(missing.length > 0 ? [`here, but not saved: ${listed(missing)}`] : []),
  ];
  throw misfit(
    `the weights are not those that were saved at ${file.label} (model ${file.manifest.model.name}); ` +
      `${differences.join('; ')}. Build the model, and give variables, as they were then`,
  );
}

function requireSameFrozen(
  file: TrainingFile,
  { model }: TrainingParts,
  keyed: readonly KeyedVariable[],
): void {
  const then = new Set(file.manifest.model.frozen);
  const now = new Set(frozenKeys(model, keyed));
  const thawed = [...then].filter((key) => !now.has(key));
  const frozen = [...now].filter((key) => !then.has(key));
  if (thawed.length + frozen.length === 0) return;
  throw misfit(
    `other weights are trained than when it was saved: ` +
      [
        ...(thawed.length > 0 ? [`${listed(thawed)} were frozen then`] : []),
        ...(frozen.length > 0 ? [`${listed(frozen)} were trained then`] : []),
      ].join('; ') +
      `. Set trainable as it was then, load, and change it afterwards`,
  );
}

function requireSameClass({ manifest }: TrainingFile, optimizer: tf.Optimizer): void {
  const [then, now] = [manifest.optimizer.className, optimizer.getClassName()];
  if (then === now && !insidesOf(optimizer) === !manifest.optimizer.states) return;
  throw misfit(`the optimizer that was saved is ${plain(then)}, the one given is ${plain(now)}`);
}

/** Without the prefix that keeps the package's classes apart from others in saved models. */
const plain = (className: string) => className.replace(/^RevCol/, '');

function requireSameArguments(
  { manifest }: TrainingFile,
  optimizer: tf.Optimizer,
  keyed: readonly KeyedVariable[],
): void {
  const { config } = manifest.optimizer;
  const differences = differing(config, plainConfig(optimizer), FREE_ARGUMENTS);
  const [seedThen, seedNow] = [manifest.optimizer.seed, seedOf(optimizer)];
  if (seedThen !== seedNow) {
    differences.push(
      `the seed of seedTraining was ${seedThen ?? 'none'}, here ${seedNow ?? 'none'}`,
    );
  }
  const { groups } = manifest.optimizer;
  if (groups) {
    for (const [key, [rateScale, decay]] of Object.entries(groupEffects(optimizer, keyed))) {
      const saved = groups[key];
      if (!saved || (saved[0] === rateScale && saved[1] === decay)) continue;
      differences.push(
        `groups gave ${key} the factor ${saved[0]} of the learning rate and weight decay ${saved[1]}, here ` +
          `${rateScale} and ${decay}`,
      );
    }
  }
  if (differences.length === 0) return;
  const name = plain(manifest.optimizer.className);
  throw misfit(`${name} was made with other arguments: ${listed(differences)}. ${ADVICE}`);
}

/** With other arguments, an optimizer may keep other tensors for a weight. */
function requireKnownStates({ manifest }: TrainingFile, optimizer: tf.Optimizer): void {
  const forms = insidesOf(optimizer)?.layout.forms ?? [];
  for (const { name, slots } of manifest.optimizer.states ?? []) {
    if (!slots) continue;
    const fits = forms.some(({ dtypes }) => {
      const own = Object.keys(dtypes);
      return own.length === slots.length && own.every((slot) => slots.includes(slot));
    });
    if (fits) continue;
    const expected = forms.map(({ dtypes }) => Object.keys(dtypes).join(', '));
    throw misfit(
      `what was saved for ${name} (${slots.join(', ')}) is nothing that this ` +
        `${plain(manifest.optimizer.className)} keeps (${expected.join(', or ') || 'nothing'}); make it ` +
        `with the arguments of the one that was saved`,
    );
  }
}

function listed(names: readonly string[]): string {
  return names.slice(0, 4).join(', ') + (names.length > 4 ? `, ... (${names.length} in all)` : '');
}
