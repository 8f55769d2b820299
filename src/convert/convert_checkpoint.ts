/** Converting a checkpoint to a tfjs layers-model, one weight at a time. */
import type * as tf from '@tensorflow/tfjs-core';

import { requireArgument, requireOneOf, requireSides } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { type ConvNextClassifier, describeWeights } from '../registry/describe';
import type { Checkpoint } from '../weights/checkpoint';
import { factsOf, metadataOfClasses } from '../weights/checkpoint_metadata';
import { CheckpointError } from '../weights/errors';
import { nameMapping } from '../weights/names/name_mapping';
import { withoutPrefix, withoutSupervision } from '../weights/names/published_names';
import { architectureOf } from './architecture';
import { encodeWeight, storedBytes, WEIGHT_DTYPES, type WeightDType } from './quantize';
import { type ModelSink, shardNames, ShardWriter } from './shard_writer';
import { modelTopology } from './topology';

export interface ConvertOptions {
  /**
   * Precision of the kernels. Default `'float32'`. `'float16'` halves the files, `'uint8'`
   * quarters them at some loss; vectors stay float32, and tfjs computes in float32 in any case.
   */
  dtype?: WeightDType;
  /** `[height, width]` of the images. Default: as `saveCheckpoint` has written it into the file, else `[224, 224]`. */
  inputSize?: readonly [number, number];
  /** Largest weight file in bytes. Default 4 MiB, as tfjs itself writes them. */
  shardBytes?: number;
  /**
   * Kept in `model.json` as `userDefinedMetadata`. Default: what the file says of how pictures are prepared and what
   * classes are called, as `saveCheckpoint` has written it.
   */
  metadata?: Record<string, unknown>;
  /** Called with the fraction written so far, from 0 to 1. */
  onProgress?: (fraction: number) => void;
  /** Stops before the next weight; nothing is left behind. */
  signal?: AbortSignal;
}

const OPTIONS: OptionNames<ConvertOptions> = {
  dtype: true,
  inputSize: true,
  shardBytes: true,
  metadata: true,
  onProgress: true,
  signal: true,
};

/** What a conversion did. */
export interface ConvertReport<Result> {
  /** What the sink gives: the path of `model.json`, or the files. */
  model: Result;
  /** Bytes of weights written. */
  bytes: number;
  /** Published names of tensors that inference does not use, left out. */
  unused: string[];
}

const DEFAULT_SHARD_BYTES = 4 * 2 ** 20;

/**
 * Writes `model.json` and weight files that `tf.loadLayersModel` reads (with tfjs-revcol imported,
 * so that its layers are known). Of intermediate supervision only the last classifier is kept.
 * Memory: a few copies of the largest tensor, whatever the size of the file. A conversion that fails
 * leaves nothing behind.
 *
 * Needs a tfjs backend for a moment, to describe the layers.
 *
 * @param checkpoint from `openCheckpoint`; stays open
 * @param sink from `folderSink(path)` in Node, `filesSink()` in browsers
 * @throws {CheckpointError} 'mismatch' when the file is not a whole RevCol classifier, or names other classes than it
 * has; 'unsupported'
 * when `dtype` cannot hold a value, or the file's own type has no float32 form; 'io' and 'corrupt'
 * when it cannot be read, 'io' when the model cannot be written
 * @throws {Error} when an option is not what it should be
 * @throws `signal.reason` when stopped
 */
export async function convertCheckpoint<Result>(
  checkpoint: Checkpoint,
  sink: ModelSink<Result>,
  options: ConvertOptions = {},
): Promise<ConvertReport<Result>> {
  const isSink = typeof sink?.abort === 'function';
  requireArgument('convertCheckpoint', 'sink', sink, isSink, 'folderSink(path) or filesSink()');
  try {
    requireOptions('convertCheckpoint', options, OPTIONS);
    const { dtype = 'float32', shardBytes = DEFAULT_SHARD_BYTES } = options;
    if (!Number.isInteger(shardBytes) || shardBytes < 1) {
      throw new Error(
        `convertCheckpoint: shardBytes must be a positive integer, got ${shardBytes}`,
      );
    }
    requireOneOf('convertCheckpoint', 'dtype', dtype, WEIGHT_DTYPES);
    const isOpen = typeof checkpoint?.entries?.get === 'function';
    const expected = 'what openCheckpoint gives';
    requireArgument('convertCheckpoint', 'checkpoint', checkpoint, isOpen, expected);
    const plan = planOf(checkpoint);
    const { classifier, weights } = plan;
    const told = metadataOfClasses(checkpoint, classifier.numClasses);
    const metadata = options.metadata ?? factsOf(told);
    const topology = modelTopology(
      plan.name,
      classifier,
      requireSides(
        'convertCheckpoint',
        'inputSize',
        options.inputSize ?? told?.inputSize ?? [224, 224],
      ),
    );
    const bytes = weights.reduce((sum, { shape }) => sum + storedBytes(shape, dtype), 0);
    const paths = shardNames(bytes, shardBytes);
    const entries = await writeWeights(checkpoint, plan, sink, {
      ...options,
      dtype,
      shardBytes,
      paths,
      bytes,
    });
    await writeJson(sink, {
      format: 'layers-model',
      generatedBy: 'tfjs-revcol',
      convertedBy: null,
      modelTopology: topology,
      weightsManifest: [{ paths, weights: entries }],
      ...(Object.keys(metadata).length > 0 ? { userDefinedMetadata: metadata } : {}),
    });
    return { model: await sink.finish(), bytes, unused: plan.unused };
  } catch (error) {
    await sink.abort();
    throw error;
  }
}

interface PlannedWeight {
  /** Our name and shape. */
  name: string;
  shape: number[];
  /** Name in the file. */
  inFile: string;
  toOwn(data: Float32Array): Float32Array;
}

interface Plan {
  name: string;
  classifier: ConvNextClassifier;
  weights: PlannedWeight[];
  unused: string[];
}

/**
 * Finds every weight of the model in the file, before anything is written, or built.
 *
 * @throws {CheckpointError} 'mismatch' when one is missing or has another shape than its neighbours
 */
export function planOf(checkpoint: Checkpoint): Plan {
  const { size, numClasses, prefix, ...architecture } = architectureOf(checkpoint.entries);
  if (numClasses === undefined) {
    throw new CheckpointError('mismatch', 'The file has no classifier; only classifiers convert');
  }
  const classifier: ConvNextClassifier = { ...architecture, numClasses };
  const published = withoutPrefix([...checkpoint.entries.keys()], prefix);
  const weights = plannedWeights(
    describeWeights(classifier),
    withoutSupervision(published),
    checkpoint,
  );
  const used = new Set(weights.map(({ inFile }) => inFile));
  const unused = [...published].filter(([, file]) => !used.has(file)).map(([name]) => name);
  return { name: size ?? 'revcol', classifier, weights, unused };
}

/**
 * Finds weights that are described in the file.
 *
 * @param inFile published name to name in the file
 * @throws {CheckpointError} 'mismatch' when one is missing or has another shape
 */
export function plannedWeights(
  described: readonly { name: string; shape: readonly number[] }[],
  inFile: ReadonlyMap<string, string>,
  checkpoint: Checkpoint,
): PlannedWeight[] {
  const mapping = nameMapping();
  return described.map(({ name, shape }) => {
    const mapped = mapping.toPublished(name);
    const file = mapped && inFile.get(mapped.name);
    const entry = file === undefined ? undefined : checkpoint.entries.get(file);
    if (!mapped || file === undefined || !entry) {
      throw new CheckpointError('mismatch', `The file has no ${mapped?.name ?? name}`);
    }
    const own = mapped.layout.ownShape(entry.shape);
    if (own?.join() !== shape.join()) {
      throw new CheckpointError(
        'mismatch',
        `${file} is [${entry.shape.join(', ')}] in the file; its neighbours want ` +
          `[${mapped.layout.publishedShape(shape)?.join(', ')}]`,
      );
    }
    return {
      name,
      shape: [...shape],
      inFile: file,
      toOwn: (data) => mapped.layout.toOwn(data, entry.shape),
    };
  });
}

async function writeWeights(
  checkpoint: Checkpoint,
  { weights }: Plan,
  sink: ModelSink<unknown>,
  options: Required<Pick<ConvertOptions, 'dtype' | 'shardBytes'>> &
    ConvertOptions & { paths: string[]; bytes: number },
): Promise<tf.io.WeightsManifestEntry[]> {
  const writer = new ShardWriter(sink, options.paths, options.shardBytes);
  const entries: tf.io.WeightsManifestEntry[] = [];
  let written = 0;
  try {
    for (const { name, shape, inFile, toOwn } of weights) {
      options.signal?.throwIfAborted();
      const values = toOwn(await checkpoint.read(inFile));
      const { bytes, quantization } = encodeWeight(inFile, values, shape, options.dtype);
      entries.push({ name, shape, dtype: 'float32', ...(quantization ? { quantization } : {}) });
      await writer.write(bytes);
      written += bytes.length;
      options.onProgress?.(written / options.bytes);
    }
    await writer.close();
  } catch (error) {
    await writer.abort();
    throw error;
  }
  return entries;
}

async function writeJson(sink: ModelSink<unknown>, json: object): Promise<void> {
  const file = await sink.open('model.json');
  try {
    await file.write(new TextEncoder().encode(JSON.stringify(json)));
    await file.finish();
  } catch (error) {
    await file.abort();
    throw error;
  }
}
