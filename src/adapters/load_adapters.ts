/** Loading adapters into a model, also in place of others. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { requireModel, show } from '../common/arguments';
import { classWeights } from '../common/class_output';
import { type ModelMetadata, rawFacts } from '../common/model_metadata';
import { type OptionNames, requireOptions } from '../common/options';
import type { Projection } from '../layers/base/projections';
import { changeProjection } from '../layers/base/projections';
import type { CheckpointSource } from '../weights/bytes/source';
import type { Checkpoint } from '../weights/checkpoint';
import { factsFor, giveFacts } from '../weights/checkpoint_metadata';
import { CheckpointError } from '../weights/errors';
import { openCheckpoint } from '../weights/open_checkpoint';
import { baseWeights, checksumOf, DOWN, FORMAT, FORMAT_KEY, UP } from './adapter_file';
import {
  type Adapter,
  type AdapterSet,
  adaptersOf,
  factorsOf,
  projectionsOf,
  requireAdapters,
  treeOf,
} from './adapter_set';
import { putOn, requireFits, takeOff } from './add_adapters';

/** Options of `loadAdapters`. */
export interface LoadAdaptersOptions {
  /**
   * Whether the model's other weights must be those that the adapters were trained on, by their checksum.
   * Reads all weights. Default true.
   */
  checkBase?: boolean;
}

const OPTIONS: OptionNames<LoadAdaptersOptions> = { checkBase: true };

const OWNER = 'loadAdapters';

/**
 * Loads adapters that `saveAdapters` has written. A model without adapters gets them, as by `addAdapters`;
 * in one that has some, the new ones take their place, so that one base serves many tasks. What was trained
 * beside the adapters is set as well. What the file says of pictures and classes is saved with the model, in place of what
 * other adapters said, and beside what the model said before it had any. Everything is read and checked before anything
 * changes.
 *
 * @param source a path (Node), a URL, an `ArrayBuffer`, `Uint8Array`, `Blob` or byte source
 * @throws {CheckpointError} 'mismatch' when the file holds no adapters, the model has not the projections
 *   or weights that it names, or its weights are not the base that the adapters were trained on; what
 *   `openCheckpoint` throws when the file cannot be read. The model is unchanged then
 * @throws {Error} when the model's adapters are merged
 */
export async function loadAdapters(
  model: tfl.LayersModel,
  source: CheckpointSource,
  options: LoadAdaptersOptions = {},
): Promise<void> {
  requireOptions(OWNER, options, OPTIONS);
  requireModel(OWNER, model);
  const { checkBase = true } = options;
  if (adaptersOf(model)) requireAdapters(OWNER, model);
  const file = await readFile(model, source);
  const tree = treeOf(model);
  const all = baseWeights(tree, adaptersOf(model));
  const targets = matchWeights(model, file, all);
  if (checkBase) {
    const base = all.filter(({ path }) => !file.weights.has(path));
    const checksum = await checksumOf(base);
    if (checksum !== file.checksum) throw wrongBase(model, file, checksum);
  }
  const { facts, gone } = factsFor(OWNER, model, file.checkpoint, undefined);
  const former = adaptersOf(model);
  const base = former?.factsBefore ?? rawFacts(model);
  const set = write(model, file, targets);
  set.factsBefore = base;
  // What other adapters said goes with them; what the base said holds where the file does not say otherwise.
  giveFacts(model, { facts: { ...(base as ModelMetadata), ...facts }, gone });
  const loaded = new Set(targets.values());
  const ofClasses = classWeights(model);
  const isLoaded = ofClasses.length > 0 && ofClasses.every((weight) => loaded.has(weight));
  // One that others have brought stays, too.
  const hasHead = isLoaded || former?.factsLoaded?.hasHead === true;
  set.factsLoaded = { facts: rawFacts(model), hasHead };
}

/** What a file holds, read. */
interface AdapterFile {
  readonly baseModel: string;
  readonly checksum: string;
  readonly rank: number;
  readonly alpha: number;
  /** Closed; its metadata say what there is of pictures and classes. */
  readonly checkpoint: Checkpoint;
  readonly projections: readonly Projection[];
  /** Of `projections`, in their order. */
  readonly factors: readonly { down: Float32Array; up: Float32Array }[];
  /** Weights beside the adapters, by path. */
  readonly weights: ReadonlyMap<string, { shape: number[]; data: Float32Array }>;
}

async function readFile(model: tfl.LayersModel, source: CheckpointSource): Promise<AdapterFile> {
  const checkpoint = await openCheckpoint(source);
  try {
    return await readAll(model, checkpoint);
  } finally {
    await checkpoint.close();
  }
}

async function readAll(model: tfl.LayersModel, checkpoint: Checkpoint): Promise<AdapterFile> {
  const text = (key: string) => {
    const value = checkpoint.metadata.get(key);
    return typeof value === 'string' ? value : '';
  };
  const [rank, alpha] = [Number(text('rank')), Number(text('alpha'))];
  if (text(FORMAT_KEY) !== FORMAT || !Number.isInteger(rank) || rank < 1 || !(alpha > 0)) {
    throw mismatch(
      text(FORMAT_KEY) === '' || text(FORMAT_KEY) === FORMAT
        ? 'the file holds no adapters that saveAdapters has written'
        : `the file is of form ${text(FORMAT_KEY)}; this version reads form ${FORMAT}`,
    );
  }
  const known = new Map(projectionsOf(model).map((projection) => [projection.path, projection]));
  const names = [...checkpoint.entries.keys()];
  const projections = names
    .filter((name) => name.endsWith(DOWN))
    .map((name) => {
      const path = name.slice(0, -DOWN.length);
      const found = known.get(path);
      if (found) return found;
      throw mismatch(
        `the file has an adapter of '${path}', which is no projection of ${model.name}; build the model ` +
          `as it was when the adapters were trained (${text('base_model')})`,
      );
    });
  if (projections.length === 0) throw mismatch('the file holds no adapters');
  const factors: { down: Float32Array; up: Float32Array }[] = [];
  for (const projection of projections) {
    const { path, inputs, outputs } = projection;
    requireFits(OWNER, projection, rank);
    factors.push({
      down: await readShaped(checkpoint, `${path}${DOWN}`, [inputs, rank]),
      up: await readShaped(checkpoint, `${path}${UP}`, [rank, outputs]),
    });
  }
  const weights = new Map<string, { shape: number[]; data: Float32Array }>();
  const ofAdapters = new Set(projections.flatMap(({ path }) => [`${path}${DOWN}`, `${path}${UP}`]));
  for (const name of names) {
    if (ofAdapters.has(name)) continue;
    const { shape } = checkpoint.entries.get(name) as { shape: number[] };
    weights.set(name, { shape, data: await checkpoint.read(name) });
  }
  return {
    baseModel: text('base_model'),
    checksum: text('base_checksum'),
    rank,
    alpha,
    checkpoint,
    projections,
    factors,
    weights,
  };
}

async function readShaped(
  checkpoint: Checkpoint,
  name: string,
  shape: number[],
): Promise<Float32Array> {
  const found = checkpoint.entries.get(name)?.shape;
  if (found && tf.util.arraysEqual(found, shape)) return checkpoint.read(name);
  throw mismatch(
    `${name} is ${found ? `of shape ${show(found)}` : 'missing'} in the file; the model needs ${show(shape)}`,
  );
}

/** The weights of the model that the file sets beside the adapters. */
function matchWeights(
  model: tfl.LayersModel,
  { weights, baseModel }: AdapterFile,
  all: readonly { path: string; weight: tfl.LayerVariable }[],
): Map<string, tfl.LayerVariable> {
  const known = new Map(all.map(({ path, weight }) => [path, weight]));
  const found = new Map<string, tfl.LayerVariable>();
  for (const [path, { shape }] of weights) {
    const weight = known.get(path);
    if (weight && tf.util.arraysEqual(weight.shape as number[], shape)) {
      found.set(path, weight);
      continue;
    }
    throw mismatch(
      `the file sets ${path} of shape ${show(shape)}, which in ${model.name} ` +
        (weight ? `is of shape ${show(weight.shape)}` : 'is missing') +
        `; build the model as it was when the adapters were trained (${baseModel})`,
    );
  }
  return found;
}

function wrongBase(
  model: tfl.LayersModel,
  { baseModel, checksum }: AdapterFile,
  own: string,
): CheckpointError {
  return mismatch(
    `the adapters were trained on other weights than those of ${model.name}: on ${baseModel} with ` +
      `checksum ${checksum}, here it is ${own}. Load the weights that they were trained on first, or pass ` +
      `checkBase: false`,
  );
}

function mismatch(detail: string): CheckpointError {
  return new CheckpointError('mismatch', `${OWNER}: ${detail}`);
}

function write(
  model: tfl.LayersModel,
  file: AdapterFile,
  targets: ReadonlyMap<string, tfl.LayerVariable>,
): AdapterSet {
  const { rank, alpha, projections, factors } = file;
  // Tensors first: once they are there nothing can fail any more.
  const values: tf.Tensor[] = [];
  const assign: [tf.Variable, tf.Tensor][] = [];
  const stage = (weight: tfl.LayerVariable, data: Float32Array) => {
    const value = tf.tensor(data, weight.shape as number[], 'float32');
    values.push(value);
    assign.push([weight['val'], value]);
  };
  const current = adaptersOf(model);
  const fits = current != null && sameStructure(current, projections, rank);
  let set = current;
  try {
    for (const [path, weight] of targets) {
      stage(weight, (file.weights.get(path) as { data: Float32Array }).data);
    }
    if (!fits) {
      if (current) takeOff(model, current);
      set = putOn(OWNER, model, projections, rank, alpha);
    }
    const { adapters } = set as AdapterSet;
    projections.forEach(({ path }, i) => {
      const adapter = adapters.find(({ projection }) => projection.path === path);
      const { down, up } = adapter as Adapter;
      stage(down, (factors[i] as { down: Float32Array }).down);
      stage(up, (factors[i] as { up: Float32Array }).up);
    });
    for (const [variable, value] of assign) variable.assign(value);
  } finally {
    tf.dispose(values);
  }
  (set as AdapterSet).alpha = alpha;
  for (const adapter of (set as AdapterSet).adapters) {
    changeProjection(adapter.projection, factorsOf(set as AdapterSet, adapter));
  }
  return set as AdapterSet;
}

function sameStructure(set: AdapterSet, projections: readonly Projection[], rank: number): boolean {
  const paths = new Set(set.adapters.map(({ projection }) => projection.path));
  return (
    set.rank === rank &&
    paths.size === projections.length &&
    projections.every(({ path }) => paths.has(path))
  );
}
