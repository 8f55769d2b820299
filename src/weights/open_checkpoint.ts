/** Opening a checkpoint of any format, told apart by its content. */

import { type OptionNames, requireOptions } from '../common/options';
import type { ByteSource } from './bytes/byte_source';
import { type CheckpointSource, openSource, type SourceOptions } from './bytes/source';
import type { Checkpoint } from './checkpoint';
import { CheckpointError } from './errors';
import { recognise } from './known_files';
import { openPyTorch, type PyTorchOptions } from './pytorch/pytorch_checkpoint';
import { LENGTH_BYTES } from './safetensors/header';
import { openSafetensors } from './safetensors/reader';
import {
  besideIndex,
  MAX_INDEX_BYTES,
  openShards,
  parseIndex,
  type ShardIndex,
} from './sharded_checkpoint';

/** Options of {@link openCheckpoint}. */
export interface OpenOptions extends SourceOptions, PyTorchOptions {}

/** Their names. */
export const OPEN_OPTIONS: OptionNames<OpenOptions> = {
  key: true,
  fetch: true,
  signal: true,
  retries: true,
  retryDelayMs: true,
};

const SNIFF_BYTES = 512;

/**
 * Opens a `.pth` (zip or legacy form) or `.safetensors` file, or the index of a sharded one
 * (`*.index.json`), told apart by content, not by name. Tensors are read one at a time;
 * {@link Checkpoint.close} gives back the file. The shards of an index must lie in its folder, or
 * below, or below its address.
 *
 * Nothing in a file can run, and damaged or forged files end in an error, not in a crash.
 *
 * @throws {CheckpointError} 'format' when the source is neither, or holds no weights; 'mismatch' when
 * `key` is absent; 'corrupt' when the file is damaged or forged; 'unsupported' when it uses what this
 * reader does not handle, or is an index without a path or URL; 'io' when its bytes cannot be had.
 */
export async function openCheckpoint(
  source: CheckpointSource,
  options: OpenOptions = {},
): Promise<Checkpoint> {
  requireOptions('openCheckpoint', options, OPEN_OPTIONS);
  return openAny(source, options);
}

/** `openCheckpoint` in the name of another function, which has looked at the options. */
export async function openAny(source: CheckpointSource, options: OpenOptions): Promise<Checkpoint> {
  const bytes = await openSource(source, options);
  let index: ShardIndex | undefined;
  try {
    const head = await bytes.read(0, Math.min(SNIFF_BYTES, bytes.size));
    if (mayBeIndex(head) && bytes.size <= MAX_INDEX_BYTES) {
      index = parseIndex(await bytes.read(0, bytes.size));
    }
    if (!index) return await openBytes(bytes, head, options);
  } catch (error) {
    await bytes.close?.();
    throw error;
  }
  await bytes.close?.();
  return openShards(index, async (file) => {
    const shard = await openSource(besideIndex(source, file), options);
    try {
      const head = await shard.read(0, Math.min(SNIFF_BYTES, shard.size));
      return await openBytes(shard, head, options);
    } catch (error) {
      await shard.close?.();
      throw error;
    }
  });
}

async function openBytes(
  source: ByteSource,
  head: Uint8Array,
  options: OpenOptions,
): Promise<Checkpoint> {
  // First: a header's length may look like the other formats' first bytes.
  if (head[8] === BRACE && !isText(head.subarray(0, LENGTH_BYTES))) {
    if (options.key !== undefined) {
      throw new CheckpointError(
        'mismatch',
        `A safetensors file has no parts, so no key '${options.key}'; leave the key out, or choose ` +
          'among several sets of weights by their prefix',
      );
    }
    return openSafetensors(source);
  }
  if (ZIP.every((byte, i) => head[i] === byte)) return openPyTorch(source, 'zip', options);
  if (isPickle(head)) return openPyTorch(source, 'legacy', options);
  const known = recognise(head);
  throw new CheckpointError(
    'format',
    `${source.label ?? 'The source'} is neither a PyTorch nor a safetensors checkpoint` +
      (known === undefined ? '' : `: it is ${known}`),
  );
}

const BRACE = 0x7b;
const ZIP = [0x50, 0x4b, 3, 4];

/** Whether bytes are of a text. Lengths of headers that can be read end in zeros. */
function isText(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte >= 0x20 || (byte >= 0x09 && byte <= 0x0d));
}

function mayBeIndex(head: Uint8Array): boolean {
  const isJson = /^(\u{feff})?\s*\{\s*"/u.test(
    new TextDecoder('utf-8', { ignoreBOM: true }).decode(head),
  );
  return isJson && isText(head.subarray(0, LENGTH_BYTES));
}

/** Whether the bytes begin with PROTO 2 to 5. */
function isPickle(head: Uint8Array): boolean {
  const [proto, version = 0] = head;
  return proto === 0x80 && version >= 2 && version <= 5;
}
