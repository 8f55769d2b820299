/**
 * Checkpoints in several files with an index: `model.safetensors.index.json`,
 * `pytorch_model.bin.index.json`, as Hugging Face's libraries write them.
 *
 * Format: https://huggingface.co/docs/safetensors/metadata_parsing#example-output-1, that is
 * `{"metadata": {...}, "weight_map": {TENSOR: FILE}}`.
 */

import { messageOf } from '../common/messages';
import { runsInNode, runsOnWindows } from '../common/node';
import { isUrlText } from '../common/url';
import type { CheckpointSource } from './bytes/source';
import type { Checkpoint, CheckpointEntry } from './checkpoint';
import { CheckpointError } from './errors';
import type { PickleValue } from './pickle/values';
import { isRecord, MAX_HEADER_BYTES, MAX_TENSORS } from './safetensors/header';

/** Longest index read, as long as the longest header of one safetensors file. */
export const MAX_INDEX_BYTES = MAX_HEADER_BYTES;

/** Files of one checkpoint, all of which are open at once. The largest published models have 200. */
const MAX_SHARDS = 1024;

/** Which tensor is in which file. */
export interface ShardIndex {
  /** Name of a file, relative to the index, to the names of its tensors. */
  readonly shards: ReadonlyMap<string, readonly string[]>;
  readonly metadata: ReadonlyMap<string, PickleValue>;
}

function bad(detail: string): CheckpointError {
  return new CheckpointError(
    'corrupt',
    `The index of the sharded checkpoint is damaged: ${detail}`,
  );
}

/**
 * Parses an index.
 *
 * @returns undefined where the text is no index
 * @throws {CheckpointError} 'corrupt' when a file it names is none in its own folder or below;
 * 'unsupported' when it lists more than is read
 */
export function parseIndex(bytes: Uint8Array): ShardIndex | undefined {
  const text = new TextDecoder().decode(bytes);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    if (text.includes('"weight_map"')) throw bad(messageOf(error));
    return undefined;
  }
  if (!isRecord(json) || !Object.hasOwn(json, 'weight_map')) return undefined;
  if (!isRecord(json.weight_map)) throw bad('its weight_map is not a list of tensors');
  const tensors = Object.entries(json.weight_map);
  const shards = new Map<string, string[]>();
  for (const [name, file] of tensors) {
    if (typeof file !== 'string') throw bad(`it names no file for ${name.slice(0, 200)}`);
    const names = shards.get(file);
    if (names) names.push(name);
    else {
      requireInside(file);
      shards.set(file, [name]);
    }
  }
  if (tensors.length > MAX_TENSORS || shards.size > MAX_SHARDS) {
    throw new CheckpointError(
      'unsupported',
      `The index lists ${tensors.length} tensors in ${shards.size} files; at most ${MAX_TENSORS} ` +
        `in ${MAX_SHARDS} are read`,
    );
  }
  if (shards.size === 0) throw new CheckpointError('format', 'The index lists no tensors');
  const metadata = isRecord(json.metadata) ? Object.entries(json.metadata) : [];
  return { shards, metadata: new Map(metadata.map(([key, value]) => [key, inert(value)])) };
}

/** A name that stays in the index's folder, as a path and as part of a URL. */
function requireInside(file: string): void {
  const steps = file.split('/');
  // Backslashes and drives are ways out on Windows, zeros end paths.
  const isBad = (step: string): boolean => step === '' || step === '.' || step === '..';
  if (steps.some(isBad) || /[\\:\0]/.test(file)) {
    throw bad(
      `${JSON.stringify(file.slice(0, 200))} is not a file in its folder; shards lie beside the index`,
    );
  }
}

function inert(value: unknown): PickleValue {
  const isPlain = value === null || ['string', 'number', 'boolean'].includes(typeof value);
  return isPlain ? (value as PickleValue) : JSON.stringify(value);
}

/**
 * Where a file beside the index is.
 *
 * @param index the path (Node) or URL that the index was opened by
 * @throws {CheckpointError} 'unsupported' when the index has no place: bytes, a `Blob`, a `blob:` URL
 */
export function besideIndex(index: CheckpointSource, file: string): string | URL {
  const url = urlOf(index);
  if (url && /^(https?|file):$/.test(url.protocol)) {
    // Encoded, no letter of the name can be read as a query, a host or a step up.
    const beside = new URL(file.split('/').map(encodeURIComponent).join('/'), url);
    // An address that needs a token needs it for every file.
    beside.search = url.search;
    return beside;
  }
  if (typeof index === 'string' && !url) {
    const separators = runsOnWindows() ? /[^/\\]*$/ : /[^/]*$/;
    return index.replace(separators, '') + file;
  }
  throw new CheckpointError(
    'unsupported',
    'This is the index of a sharded checkpoint, whose other files lie beside it: give its path or ' +
      'its address, or join the shards into one file',
  );
}

function urlOf(index: CheckpointSource): URL | undefined {
  if (index instanceof URL) return index;
  if (typeof index !== 'string') return undefined;
  if (isUrlText(index)) return new URL(index);
  return runsInNode() ? undefined : new URL(index, globalThis.location?.href);
}

/**
 * Opens the files that an index names, as one checkpoint of the tensors that it lists.
 *
 * @param open opens one file
 * @throws {CheckpointError} 'corrupt' when a file lacks a tensor that the index says it has; what `open`
 * throws
 */
export async function openShards(
  { shards, metadata }: ShardIndex,
  open: (file: string) => Promise<Checkpoint>,
): Promise<Checkpoint> {
  const opened: Checkpoint[] = [];
  const close = async (): Promise<void> => {
    for (const shard of opened) await shard.close();
  };
  try {
    const entries = new Map<string, CheckpointEntry>();
    const home = new Map<string, Checkpoint>();
    for (const [file, names] of shards) {
      const shard = await open(file);
      opened.push(shard);
      for (const name of names) {
        const entry = shard.entries.get(name);
        if (!entry) throw bad(`${file} has no tensor ${name.slice(0, 200)}`);
        entries.set(name, entry);
        home.set(name, shard);
      }
    }
    return {
      format: opened[0]?.format ?? 'safetensors',
      entries,
      metadata,
      read: async (name) => {
        const shard = home.get(name);
        if (!shard) throw new CheckpointError('mismatch', `The checkpoint has no tensor ${name}`);
        return shard.read(name);
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
