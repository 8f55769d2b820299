/**
 * Saved training as bytes: a safetensors file whose first tensor is JSON about all the others, and whose
 * last is a checksum of everything before it.
 */
import { messageOf } from '../common/messages';
import type { ByteSource } from '../weights/bytes/byte_source';
import type { ByteSink } from '../weights/bytes/sink';
import type { Checkpoint } from '../weights/checkpoint';
import { CheckpointError } from '../weights/errors';
import {
  type HeaderEntry,
  headerLength,
  isRecord,
  LENGTH_BYTES,
  MAX_TENSORS,
  parseHeader,
} from '../weights/safetensors/header';
import { type TensorToWrite, writeSafetensorsTo } from '../weights/safetensors/writer';
import { crc32 } from '../weights/zip/crc32';
import { type TensorValues, toBytes, valuesOf } from './tensor_values';
import type { Manifest } from './training_manifest';

/** Version of the form, under this key of the file's metadata. */
const FORMAT_KEY = 'tfjs_revcol_training';
const FORMAT = '1';

const MANIFEST = 'training';
const CHECKSUM = 'checksum';

/** Bytes of the file that are read at once when it is checked. */
const PIECE_BYTES = 4 << 20;

/** Saved training, opened. */
export interface TrainingFile {
  /** What to call it in messages. */
  readonly label: string;
  readonly manifest: Manifest;
  /** All tensors but those about the file itself. */
  readonly entries: ReadonlyMap<string, HeaderEntry>;
  /** Reads all of it and compares the checksum. */
  verify(): Promise<void>;
  /** Reads a tensor. */
  read(name: string): Promise<TensorValues>;
  close(): Promise<void>;
}

/**
 * Writes a training. Memory: the largest tensor.
 *
 * @param beforeEnd called when all tensors are written; what it throws leaves the target as it was
 */
export async function writeTraining<Result>(
  sink: ByteSink<Result>,
  manifest: Manifest,
  tensors: readonly TensorToWrite[],
  beforeEnd: () => void,
): Promise<Result> {
  let crc = 0;
  const summing: ByteSink<Result> = {
    ...sink,
    write: (bytes) => {
      crc = crc32(bytes, crc);
      return sink.write(bytes);
    },
  };
  // Bytes after numbers of four, so that the latter are aligned.
  const isLong = ({ dtype }: TensorToWrite) => dtype !== 'uint8';
  const all: TensorToWrite[] = [
    bytesToWrite(MANIFEST, padded(new TextEncoder().encode(JSON.stringify(manifest)))),
    ...tensors.filter(isLong),
    ...tensors.filter((tensor) => !isLong(tensor)),
    {
      ...{ name: CHECKSUM, dtype: 'uint8', shape: [4] },
      read: async () => {
        beforeEnd();
        return toBytes(crc);
      },
    },
  ];
  if (all.length > MAX_TENSORS) {
    await sink.abort();
    throw new CheckpointError(
      'unsupported',
      `saveTraining: there are ${all.length} tensors to save; expected at most ${MAX_TENSORS}, which one ` +
        `file is read with`,
    );
  }
  const metadata = { format: 'pt', [FORMAT_KEY]: FORMAT, step: String(manifest.step) };
  return writeSafetensorsTo(summing, all, { metadata });
}

function bytesToWrite(name: string, bytes: Uint8Array): TensorToWrite {
  return { name, dtype: 'uint8', shape: [bytes.length], read: async () => bytes };
}

/** JSON with spaces behind it, up to a multiple of eight bytes. */
function padded(json: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(json.length / 8) * 8).fill(0x20);
  bytes.set(json);
  return bytes;
}

/**
 * Opens saved training, and reads what is said of it. Closes the source when that fails.
 *
 * @throws {CheckpointError} 'format' when it is something else, 'corrupt' when it is damaged, 'unsupported'
 *   when another version has written it
 */
export async function openTraining(source: ByteSource): Promise<TrainingFile> {
  try {
    return await open(source);
  } catch (error) {
    await source.close?.().catch(() => undefined);
    throw error;
  }
}

async function open(source: ByteSource): Promise<TrainingFile> {
  const label = source.label ?? 'the file';
  const start = await source.read(0, LENGTH_BYTES + 1);
  if (start[LENGTH_BYTES] !== 0x7b) throw noTraining(label);
  const length = headerLength(start, source.size);
  const dataStart = LENGTH_BYTES + length;
  const header = await source.read(LENGTH_BYTES, length);
  const { entries, metadata } = parseHeader(header, source.size - dataStart);
  if (!isTraining(label, metadata)) throw noTraining(label);
  const read = async (name: string): Promise<TensorValues> => {
    const entry = entries.get(name);
    if (!entry) throw damaged(label, `it has no tensor ${name}`);
    return valuesOf(
      entry,
      await readPieces(source, dataStart + entry.start, dataStart + entry.end),
    );
  };
  const { values } = await read(MANIFEST);
  const manifest = parseManifest(label, values as Uint8Array);
  return {
    label,
    manifest,
    entries: new Map([...entries].filter(([name]) => name !== MANIFEST && name !== CHECKSUM)),
    read,
    verify: async () => {
      const end = entries.get(CHECKSUM);
      if (!end || dataStart + end.end !== source.size) throw damaged(label, 'it has no checksum');
      let crc = 0;
      for (let at = 0, last = dataStart + end.start; at < last; at += PIECE_BYTES) {
        crc = crc32(await source.read(at, Math.min(PIECE_BYTES, last - at)), crc);
      }
      const expected = await read(CHECKSUM);
      if (toBytes(crc).some((byte, i) => byte !== expected.values[i])) {
        throw damaged(label, 'its checksum is another than that of its bytes');
      }
    },
    // What has been read is no worse for it.
    close: async () => source.close?.().catch(() => undefined),
  };
}

/**
 * What a checkpoint says of the training that it is; null where it is none. Its checksum is not compared.
 *
 * @param label what to call it in messages
 * @throws {CheckpointError} 'unsupported' when another version has written it, 'corrupt' when it is damaged
 */
export async function manifestIn(label: string, checkpoint: Checkpoint): Promise<Manifest | null> {
  const { metadata, entries } = checkpoint;
  if (!isTraining(label, metadata)) return null;
  if (!entries.has(MANIFEST)) throw damaged(label, `it has no tensor ${MANIFEST}`);
  return parseManifest(label, Uint8Array.from(await checkpoint.read(MANIFEST)));
}

/** @throws {CheckpointError} 'unsupported' when another version has written it */
function isTraining(label: string, metadata: ReadonlyMap<string, unknown>): boolean {
  const format = metadata.get(FORMAT_KEY);
  if (format === undefined || format === FORMAT) return format === FORMAT;
  throw new CheckpointError(
    'unsupported',
    `${label} is a training saved in form ${JSON.stringify(format)}; this version of tfjs-revcol reads form ${FORMAT}`,
  );
}

/** Bytes of their own, however the source keeps them. */
async function readPieces(source: ByteSource, start: number, end: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(end - start);
  for (let at = start; at < end; at += PIECE_BYTES) {
    bytes.set(await source.read(at, Math.min(PIECE_BYTES, end - at)), at - start);
  }
  return bytes;
}

function parseManifest(label: string, bytes: Uint8Array): Manifest {
  try {
    const json: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (isRecord(json) && Number.isInteger(json['step']) && isRecord(json['optimizer'])) {
      return json as unknown as Manifest;
    }
  } catch (error) {
    throw damaged(label, messageOf(error));
  }
  throw damaged(label, 'it does not say which step it was saved at');
}

function damaged(label: string, detail: string): CheckpointError {
  return new CheckpointError('corrupt', `The training saved at ${label} is damaged: ${detail}`);
}

function noTraining(label: string): CheckpointError {
  return new CheckpointError(
    'format',
    `${label} is no training; expected what saveTraining has written. Weights alone are loaded by ` +
      `loadCheckpoint or tf.loadLayersModel`,
  );
}
