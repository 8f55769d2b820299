/**
 * What PyTorch's pickles mean: storages, tensors, parameters and ordered dicts.
 *
 * Source: `torch/serialization.py` and `torch/_utils.py` of https://github.com/pytorch/pytorch.
 */

import type { TensorDType } from '../dtypes';
import { badPickle } from '../pickle/bytes';
import type { PickleHooks } from '../pickle/pickle';
import {
  describe,
  isOpaque,
  isStorage,
  isTensor,
  PickleDict,
  type PickleValue,
  type StorageRef,
  type TensorView,
} from '../pickle/values';

/** PyTorch refuses more dimensions itself. */
const MAX_RANK = 64;

/** Element types of `torch.FloatStorage` and its siblings. */
const STORAGE_DTYPES: Readonly<Record<string, TensorDType>> = {
  DoubleStorage: 'float64',
  FloatStorage: 'float32',
  HalfStorage: 'float16',
  BFloat16Storage: 'bfloat16',
  LongStorage: 'int64',
  IntStorage: 'int32',
  ShortStorage: 'int16',
  CharStorage: 'int8',
  ByteStorage: 'uint8',
  BoolStorage: 'bool',
  ComplexDoubleStorage: 'complex128',
  ComplexFloatStorage: 'complex64',
};

/** `torch.float` and its like, which are other names of types. */
const DTYPE_ALIASES: Readonly<Record<string, string>> = {
  double: 'float64',
  float: 'float32',
  half: 'float16',
  long: 'int64',
  int: 'int32',
  short: 'int16',
};

/** Hooks that turn a PyTorch pickle's references into {@link StorageRef} and {@link TensorView}. */
export const TORCH_HOOKS: PickleHooks = { persistent, build };

type Builder = (args: readonly PickleValue[]) => PickleValue | undefined;

const BUILDERS: ReadonlyMap<string, Builder> = new Map<string, Builder>([
  ['collections.OrderedDict', orderedDict],
  ['collections.defaultdict', () => new PickleDict()],
  ['torch.Size', ([items]) => items],
  ['torch._utils._rebuild_tensor', (args) => tensor(args)],
  ['torch._utils._rebuild_tensor_v2', (args) => tensor(args, undefined, args[6])],
  ['torch._utils._rebuild_tensor_v3', (args) => tensor(args, args[6], args[7])],
  ['torch._utils._rebuild_parameter', ([data]) => (isTensor(data) ? data : undefined)],
  ['torch._utils._rebuild_parameter_with_state', ([data]) => (isTensor(data) ? data : undefined)],
  ['torch._utils._rebuild_device_tensor_from_cpu_tensor', rebuildOfDevice],
  ['torch._tensor._rebuild_from_type_v2', rebuildFromType],
]);

function build(module: string, name: string, args: PickleValue): PickleValue | undefined {
  return Array.isArray(args) ? BUILDERS.get(`${module}.${name}`)?.(args) : undefined;
}

/** `('storage', type, key, location, length)`, in old files with a view of another storage. */
function persistent(id: PickleValue): PickleValue {
  const unknown = { kind: 'opaque', module: 'persistent', name: 'id', args: id } as const;
  if (!Array.isArray(id) || id[0] !== 'storage') return unknown;
  const [, type, key, , length, view] = id;
  if (!isOpaque(type) || typeof key !== 'string' || !isCount(length)) {
    throw badPickle('it refers to a storage without type, name or length');
  }
  // The storage itself is untyped where each tensor gives its own type.
  const dtype = type.module.startsWith('torch') ? STORAGE_DTYPES[type.name] : undefined;
  if (dtype === undefined && type.name !== 'UntypedStorage') return unknown;
  const storage: StorageRef = { kind: 'storage', key, dtype, length, offset: 0 };
  if (view === undefined || view === null) return storage;
  const [, offset, viewLength] = Array.isArray(view) ? view : [];
  if (!isCount(offset) || !isCount(viewLength) || offset + viewLength > length) {
    throw badPickle(`storage ${key} is viewed outside its ${length} elements`);
  }
  return { ...storage, offset };
}

/** `(storage, offset, shape, strides, ...)`; see {@link isNegated} for `metadata`. */
function tensor(
  args: readonly PickleValue[],
  type?: PickleValue,
  metadata?: PickleValue,
): TensorView | undefined {
  const [storage, offset, shape, strides] = args;
  // Storages of unknown kinds (quantized) leave tensors opaque.
  if (!isStorage(storage)) return undefined;
  const dtype = isOpaque(type) ? (DTYPE_ALIASES[type.name] ?? type.name) : storage.dtype;
  if (!isCount(offset) || !isCounts(shape) || !isCounts(strides) || dtype === undefined) {
    throw badPickle(`a tensor of storage ${storage.key} lacks offset, shape, strides or type`);
  }
  if (shape.length !== strides.length || shape.length > MAX_RANK) {
    throw badPickle(`a tensor has ${shape.length} sizes and ${strides.length} strides`);
  }
  const negated = isNegated(metadata, dtype);
  return {
    kind: 'tensor',
    storage,
    offset: offset + storage.offset,
    shape,
    strides,
    dtype,
    negated,
  };
}

/**
 * What `torch._C._set_tensor_metadata` reads: the lazy conjugate and negative bits. There the bits
 * are set by the mere presence of their keys, whatever the value, and other keys are for devices.
 * The conjugate bit is of complex tensors alone, which have no float32 form to begin with.
 */
function isNegated(metadata: PickleValue | undefined, dtype: string): boolean {
  if (metadata === undefined || metadata === null) return false;
  if (!(metadata instanceof PickleDict)) {
    throw badPickle(`a tensor has ${describe(metadata)} for metadata`);
  }
  if (metadata.get('conj') !== undefined && !dtype.startsWith('complex')) {
    throw badPickle(`a tensor of type ${dtype} has the conjugate bit of complex ones`);
  }
  return metadata.get('neg') !== undefined;
}

/** `OrderedDict()`, or `OrderedDict([(key, value), ...])` as Python 2 writes it. */
function orderedDict([pairs]: readonly PickleValue[]): PickleDict {
  const dict = new PickleDict();
  if (pairs === undefined) return dict;
  if (!Array.isArray(pairs)) throw badPickle(`an OrderedDict is made of ${describe(pairs)}`);
  for (const pair of pairs) {
    if (!Array.isArray(pair) || pair.length !== 2) throw badPickle('an OrderedDict lacks a value');
    dict.set(pair[0] ?? null, pair[1] ?? null);
  }
  return dict;
}

/** `(function, class, args, state)`: tensor subclasses, and tensors with attributes of their own. */
function rebuildFromType([callee, , args]: readonly PickleValue[]): PickleValue | undefined {
  if (!isOpaque(callee) || callee.args !== undefined || callee.name === '_rebuild_from_type_v2') {
    return undefined;
  }
  return build(callee.module, callee.name, args ?? null);
}

/** `(tensor, type, device, requires_grad)`: how tensors on XLA devices are saved, as copies of the CPU. */
function rebuildOfDevice([data, type]: readonly PickleValue[]): PickleValue | undefined {
  if (!isTensor(data) || !isOpaque(type)) return undefined;
  return (DTYPE_ALIASES[type.name] ?? type.name) === data.dtype ? data : undefined;
}

function isCount(value: PickleValue | undefined): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isCounts(value: PickleValue | undefined): value is number[] {
  return Array.isArray(value) && value.every(isCount);
}
