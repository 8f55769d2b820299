/** Tensors inside arrays and plain records, nested in any way, among other values. */
import * as tf from '@tensorflow/tfjs-core';

function isRecord(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/**
 * The same structure with every tensor replaced. Arrays and records are copied, one that occurs
 * twice only once; whatever else there is, null, numbers, functions or instances of classes, stays.
 */
export function mapTensors<T>(value: T, replace: (tensor: tf.Tensor) => tf.Tensor): T {
  const copies = new Map<unknown, unknown>();
  const map = (x: unknown): unknown => {
    if (x instanceof tf.Tensor) return replace(x);
    if (!Array.isArray(x) && !isRecord(x)) return x;
    if (copies.has(x)) return copies.get(x);
    if (Array.isArray(x)) {
      const list: unknown[] = [];
      copies.set(x, list);
      list.push(...x.map(map));
      return list;
    }
    const record = Object.create(Object.getPrototypeOf(x) as object | null) as typeof x;
    copies.set(x, record);
    for (const [key, entry] of Object.entries(x)) record[key] = map(entry);
    return record;
  };
  return map(value) as T;
}

/** The tensors in a structure, each once, in order of occurrence. */
export function tensorsIn(value: unknown): tf.Tensor[] {
  const found = new Set<tf.Tensor>();
  mapTensors(value, (tensor) => {
    found.add(tensor);
    return tensor;
  });
  return [...found];
}

/** Calls `visit` with every value in a structure that is neither a tensor, an array nor a record. */
export function forEachLeaf(value: unknown, visit: (leaf: unknown) => void): void {
  const seen = new Set<unknown>();
  const walk = (x: unknown): void => {
    if (x instanceof tf.Tensor || seen.has(x)) return;
    if (!Array.isArray(x) && !isRecord(x)) {
      visit(x);
      return;
    }
    seen.add(x);
    Object.values(x).forEach(walk);
  };
  walk(value);
}
