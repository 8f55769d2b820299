/** Damaged checkpoints, opened and loaded: each must load as a whole, or fail with a typed error. */
import * as fs from 'node:fs';
import * as tf from '@tensorflow/tfjs';

import { CheckpointError, loadCheckpoint } from 'tfjs-revcol';
import { modelWeights, shapeOf } from '../../../src/weights/names/model_weights';
import { openCheckpoint } from '../../../src/weights/open_checkpoint';
import { buildPth } from './build_pickle';
import { firstDifference, fixturePath, FIXTURES_DIR, readFixture } from './fixtures';
import { mutate, seededRandom } from './mutate';
import { pickleParts, safetensorsOf, smallModel, tensorsOf } from './small_checkpoint';

/** A sound file, the ways to damage it, and what is then tried with it. */
export interface FuzzTarget {
  readonly name: string;
  damage(random: () => number): Uint8Array;
  /** Throws an Error that is no `CheckpointError` where something is half done. */
  attempt(file: Uint8Array): Promise<void>;
}

export interface FuzzResult {
  readonly target: string;
  /** `read`, or the code of the error. */
  readonly outcome: string;
  /** Time on the processor: on the clock, other programs count too. */
  readonly ms: number;
}

/** Opens a file and reads all it holds. */
async function readAll(file: Uint8Array): Promise<void> {
  const checkpoint = await openCheckpoint(file);
  for (const [name, { shape }] of checkpoint.entries) {
    const data = await checkpoint.read(name);
    if (data.length !== tf.util.sizeFromShape(shape)) throw new Error(`${name} is half read`);
  }
  await checkpoint.close();
}

/** Loads files into one model, which must hold all of the file afterwards, or what it held before. */
export function loadInto(model: tf.LayersModel): (file: Uint8Array) => Promise<void> {
  const values = (): Float32Array[] =>
    model.weights.map((w) => Float32Array.from(w.read().dataSync()));
  const before = values();
  const expectUntouched = (): void => {
    values().forEach((now, i) => {
      if (firstDifference(now, before[i] as Float32Array) >= 0) throw new Error('half loaded');
    });
  };
  const restore = (): void =>
    model.weights.forEach((weight, i) => {
      tf.tidy(() => {
        weight.write(tf.tensor(before[i] as Float32Array, shapeOf(weight)));
      });
    });
  return async (file) => {
    const tensors = tf.memory().numTensors;
    let failure: unknown;
    try {
      const { loaded } = await loadCheckpoint(model, file);
      await expectSame(model, file, loaded);
      restore();
    } catch (error) {
      failure = error;
      expectUntouched();
    }
    if (tf.memory().numTensors !== tensors) throw new Error('tensors leaked');
    if (failure !== undefined) throw failure;
  };
}

/** That the model holds what the file does, read by another way. */
async function expectSame(model: tf.LayersModel, file: Uint8Array, loaded: readonly string[]) {
  const { mapped } = modelWeights(model);
  const checkpoint = await openCheckpoint(file);
  const names = [...checkpoint.entries.keys()];
  if (loaded.length !== mapped.size) throw new Error(`only ${loaded.length} are loaded`);
  for (const [published, { variable, layout }] of mapped) {
    const name = names.find((n) => n.endsWith(published)) ?? published;
    const own = variable.read().dataSync() as Float32Array;
    const got = layout.toPublished(own, shapeOf(variable));
    if (firstDifference(got, await checkpoint.read(name)) >= 0) throw new Error(`${name} differs`);
  }
}

/**
 * Every form of file. Needs a backend.
 *
 * @param others further files to load into models
 */
export async function fuzzTargets(
  others: readonly { path: string; model: tf.LayersModel }[] = [],
): Promise<FuzzTarget[]> {
  const source = smallModel(1);
  const tensors = await tensorsOf(source);
  const attempt = loadInto(smallModel(2));
  source.dispose();
  const { pickle, storages } = pickleParts({ model: tensors });
  const damageTo =
    (file: Uint8Array): FuzzTarget['damage'] =>
    (random) =>
      mutate(file, random);
  const safetensors = new Uint8Array(await (await safetensorsOf(tensors)).arrayBuffer());
  const pth = buildPth(pickle, storages);
  const deflated = buildPth(pickle, storages, { deflate: true });
  const fixtures = fs.readdirSync(FIXTURES_DIR).filter((file) => file.endsWith('.pth'));
  return [
    { name: 'zip', damage: damageTo(pth), attempt },
    { name: 'zip, deflated', damage: damageTo(deflated), attempt },
    {
      // Otherwise the checksum would keep most damage from the reader of pickles.
      name: 'zip, its pickle damaged before packing',
      damage: (random) => buildPth(mutate(pickle, random), storages),
      attempt,
    },
    { name: 'safetensors', damage: damageTo(safetensors), attempt },
    ...fixtures.map((file) => ({
      name: fixturePath(file).slice(FIXTURES_DIR.length + 1),
      damage: damageTo(readFixture(file)),
      attempt: readAll,
    })),
    ...others.map(({ path, model }) => ({
      name: path.replace(/^.*[/\\]/, ''),
      damage: damageTo(new Uint8Array(fs.readFileSync(path))),
      attempt: loadInto(model),
    })),
  ];
}

/**
 * One damaged file, all about which follows from `seed`.
 *
 * @throws where it ends in anything but success or a `CheckpointError`
 */
export async function fuzzOnce(targets: readonly FuzzTarget[], seed: number): Promise<FuzzResult> {
  const target = targets[seed % targets.length] as FuzzTarget;
  const file = target.damage(seededRandom(seed));
  const start = process.cpuUsage();
  let outcome = 'read';
  try {
    await target.attempt(file);
  } catch (error) {
    if (!(error instanceof CheckpointError)) {
      throw new Error(`${target.name} damaged with seed ${seed}: ${String(error)}`, {
        cause: error,
      });
    }
    outcome = error.code;
  }
  const { user, system } = process.cpuUsage(start);
  return { target: target.name, outcome, ms: (user + system) / 1000 };
}
