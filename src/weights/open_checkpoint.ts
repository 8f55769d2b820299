/** Opening a checkpoint of any format, told apart by its content. */

import type { ByteSource } from './bytes/byte_source';
import { type CheckpointSource, openSource, type SourceOptions } from './bytes/source';
import type { Checkpoint } from './checkpoint';
import { CheckpointError } from './errors';
import { openPyTorch, type PyTorchOptions } from './pytorch/pytorch_checkpoint';
import { openSafetensors } from './safetensors/reader';

/** Options of {@link openCheckpoint}. */
export interface OpenOptions extends SourceOptions, PyTorchOptions {}

const SNIFF_BYTES = 512;

/**
 * Opens a `.pth` (zip or legacy form) or `.safetensors` file, told apart by content, not by name.
 * Tensors are read one at a time; {@link Checkpoint.close} gives back the file.
 *
 * Nothing in a file can run, and damaged or forged files end in an error, not in a crash.
 *
 * @throws {CheckpointError} 'format' when the source is neither, or holds no weights; 'mismatch' when
 * `key` is absent; 'corrupt' when the file is damaged or forged; 'unsupported' when it uses what this
 * reader does not handle; 'io' when its bytes cannot be had.
 */
export async function openCheckpoint(
  source: CheckpointSource,
  options: OpenOptions = {},
): Promise<Checkpoint> {
  const bytes = await openSource(source, options);
  try {
    return await openBytes(bytes, options);
  } catch (error) {
    await bytes.close?.();
    throw error;
  }
}

async function openBytes(source: ByteSource, options: OpenOptions): Promise<Checkpoint> {
  const head = await source.read(0, Math.min(SNIFF_BYTES, source.size));
  const text = new TextDecoder('latin1').decode(head);
  // First: a header's length may look like the other formats' first bytes.
  if (text[8] === '{') {
    if (options.key !== undefined) {
      throw new CheckpointError(
        'mismatch',
        `A safetensors file has no parts, so no key '${options.key}'; leave the key out`,
      );
    }
    return openSafetensors(source);
  }
  if (text.startsWith('PK\x03\x04')) return openPyTorch(source, 'zip', options);
  if (isPickle(head)) return openPyTorch(source, 'legacy', options);
  throw new CheckpointError(
    'format',
    `${source.label ?? 'The source'} is neither a PyTorch nor a safetensors checkpoint${guess(text)}`,
  );
}

/** Whether the bytes begin with PROTO 2 to 5. */
function isPickle(head: Uint8Array): boolean {
  const [proto, version = 0] = head;
  return proto === 0x80 && version >= 2 && version <= 5;
}

/** What people give by mistake. */
function guess(text: string): string {
  if (text === '') return ': it is empty';
  if (/^\s*<(!doctype|html)/i.test(text)) {
    return ': it is a web page; check that the address is that of the file itself';
  }
  if (text.startsWith('version https://git-lfs')) {
    return ': it is a Git LFS pointer; run git lfs pull to get the file';
  }
  if (text.slice(257, 262) === 'ustar') {
    return (
      ': it is a tar archive, as PyTorch wrote before 0.2; load it there and save it again: ' +
      'torch.save(..., _use_new_zipfile_serialization=True)'
    );
  }
  return '';
}
