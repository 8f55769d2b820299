/** What a checkpoint is, whatever its format. */

import type { TensorDType } from './dtypes';
import type { PickleValue } from './pickle/values';

/** One tensor of a checkpoint, as the file describes it. */
export interface CheckpointEntry {
  /** PyTorch's shape: `[out, in, height, width]` for convolutions, `[out, in]` for linear layers. */
  readonly shape: number[];
  /** PyTorch's name of the element type, for example `float32` or `bfloat16`. */
  readonly dtype: TensorDType;
  /** Number of elements times bytes of one: what the tensor takes when stored by itself. */
  readonly bytes: number;
}

/** An open checkpoint: its tensors by name, read one at a time. */
export interface Checkpoint {
  readonly format: 'pytorch' | 'safetensors';
  /** Every tensor, in the file's order. */
  readonly entries: ReadonlyMap<string, CheckpointEntry>;
  /**
   * Whatever else the file says: of PyTorch's, the entries beside the chosen state dict (`epoch`,
   * `config`, ...) as inert data, which may be shared and cyclic; of safetensors, its strings.
   */
  readonly metadata: ReadonlyMap<string, PickleValue>;
  /**
   * Reads one tensor as contiguous float32, in PyTorch's layout. float32 comes bit for bit; other
   * types are converted, and rounded to nearest where float32 cannot hold them. Memory: the result
   * and at most 32 MB beside it.
   *
   * @throws {CheckpointError} 'mismatch' when there is no such name; 'unsupported' when the type is
   * complex or floating point of 8 bits; 'corrupt' when the file is damaged; 'io' when its bytes
   * cannot be had, or changed since it was opened.
   */
  read(name: string): Promise<Float32Array>;
  /** Gives back the file. */
  close(): Promise<void>;
}
