/** What a checkpoint is, whatever its format. */

import type { TensorDType, UnknownDType } from './dtypes';
import type { PickleValue } from './pickle/values';

/** One tensor of a checkpoint, as the file describes it. */
export interface CheckpointEntry {
  /** PyTorch's shape: `[out, in, height, width]` for convolutions, `[out, in]` for linear layers. */
  readonly shape: number[];
  /**
   * PyTorch's name of the element type, for example `float32` or `bfloat16`. Of a type that is not
   * known here it is the file's name, and the tensor cannot be read: `F4`, `F6_E2M3`, ...
   */
  readonly dtype: TensorDType | UnknownDType;
  /**
   * Number of elements times bytes of one: what the tensor takes when stored by itself. Where the type
   * is not known it is what the file holds for the tensor.
   */
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
   * complex or not known; 'corrupt' when the file is damaged; 'io' when its bytes cannot be had, or
   * changed since it was opened.
   */
  read(name: string): Promise<Float32Array>;
  /** Gives back the file. */
  close(): Promise<void>;
}
