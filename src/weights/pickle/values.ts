/** What a pickle turns into here: plain data, nothing of which can act. */

import type { TensorDType } from '../dtypes';

/** Anything that {@link readPickle} can return. Tuples and lists are both arrays. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | PickleDict
  | PickleSet
  | Opaque
  | TensorView
  | StorageRef;

/** A `dict`, `OrderedDict` or `defaultdict`. Keys that are not primitive count by identity. */
export class PickleDict {
  readonly kind = 'dict';
  private map?: Map<PickleValue, PickleValue>;

  get size(): number {
    return this.map?.size ?? 0;
  }

  get(key: PickleValue): PickleValue | undefined {
    return this.map?.get(key);
  }

  set(key: PickleValue, value: PickleValue): void {
    // Made on first use: empty dicts are one byte in a pickle, and 200 as a Map.
    (this.map ??= new Map()).set(key, value);
  }

  entries(): Iterable<[PickleValue, PickleValue]> {
    return this.map ?? [];
  }
}

/** A `set` or `frozenset`. */
export interface PickleSet {
  readonly kind: 'set';
  readonly items: PickleValue[];
}

/**
 * A class, function or object that is none of the tensors and containers above: an optimizer, a
 * configuration node, Python's `input`. It is what the file says about it, and nothing was called.
 */
export interface Opaque {
  readonly kind: 'opaque';
  /** Python module, as the file names it. */
  readonly module: string;
  /** Class or function in that module. */
  readonly name: string;
  /** What Python would have called it with; absent for a mere reference to it. */
  args?: PickleValue;
  /** What Python would have set as the object's state. */
  state?: PickleValue;
  /** Appended items, of subclasses of `list`. */
  items?: PickleValue[];
  /** Items by key, of subclasses of `dict`. */
  entries?: PickleDict;
}

/** A storage as the pickle refers to it: bytes elsewhere in the file. */
export interface StorageRef {
  readonly kind: 'storage';
  readonly key: string;
  /** Element type name of a typed storage; absent for untyped ones, which count bytes. */
  readonly dtype?: TensorDType;
  /** Number of elements, of bytes for untyped storages. */
  readonly length: number;
  /** First element, for the views that files from before PyTorch 0.4 hold; else 0. */
  readonly offset: number;
}

/** A tensor: a strided window on a storage. Checked by the code that knows the storage's size. */
export interface TensorView {
  readonly kind: 'tensor';
  readonly storage: StorageRef;
  /** First element, in elements from the beginning of the storage. */
  readonly offset: number;
  readonly shape: number[];
  /** In elements, one per dimension. */
  readonly strides: number[];
  readonly dtype: string;
  /** PyTorch's lazy negative bit: the storage holds the values with the other sign. */
  readonly negated: boolean;
}

/** `kind` of values that have one; undefined for primitives, bytes and lists. */
export function kindOf(value: PickleValue | undefined): string | undefined {
  return typeof value === 'object' && value !== null && 'kind' in value ? value.kind : undefined;
}

export function isOpaque(value: PickleValue | undefined): value is Opaque {
  return kindOf(value) === 'opaque';
}

export function isStorage(value: PickleValue | undefined): value is StorageRef {
  return kindOf(value) === 'storage';
}

export function isTensor(value: PickleValue | undefined): value is TensorView {
  return kindOf(value) === 'tensor';
}

/** A value in a few words, for messages: never its contents. */
export function describe(value: PickleValue | undefined): string {
  if (value === undefined || value === null) return 'None';
  if (typeof value !== 'object') return typeof value;
  if (value instanceof Uint8Array) return `${value.byteLength} bytes`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (value instanceof PickleDict) return `a dict of ${value.size}`;
  if (value.kind === 'opaque') return `${value.module}.${value.name}`.slice(0, 200);
  return `a ${value.kind}`;
}
