/**
 * Runs tfjs programs without computing anything: in an engine state of their own, on a stand-in for a
 * backend that holds shapes instead of values. Every tensor that a program would make is counted, and none
 * is.
 */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import { isComposed, runKernel } from '../ops/engine/kernel';
import { assumingDevice } from '../ops/engine/precision';
import { COMPOSED } from './composed';
import { SHAPE_RULES, type Shaped } from './shapes';

/** The magnitude of every value that a program reads: that of an alpha as it begins. Signs alternate. */
const READ_MAGNITUDE = 0.5;

interface HiddenEngine {
  state: object;
  backendName: string;
  backendInstance: tf.KernelBackend | null;
  /** Set while a backend starts, which nothing may compute meanwhile. */
  pendingBackendInit?: Promise<boolean> | null;
}

/** Holds the number of values behind each tensor. */
class ShapesBackend extends tf.KernelBackend {
  private readonly held = new Map<object, { size: number; references: number }>();

  override write(_: unknown, shape: number[]): object {
    const dataId = {};
    this.held.set(dataId, { size: tf.util.sizeFromShape(shape), references: 1 });
    return dataId;
  }
  override move(dataId: object, _: unknown, shape: number[], __: tf.DataType, refs: number): void {
    this.held.set(dataId, { size: tf.util.sizeFromShape(shape), references: refs });
  }
  override readSync(dataId: object): Float32Array {
    const values = new Float32Array(this.held.get(dataId)?.size ?? 0);
    return values.map((_, i) => (i % 2 === 0 ? READ_MAGNITUDE : -READ_MAGNITUDE));
  }
  override async read(dataId: object): Promise<Float32Array> {
    return this.readSync(dataId);
  }
  override incRef(dataId: object): void {
    const held = this.held.get(dataId);
    if (held) held.references++;
  }
  decRef(dataId: object): void {
    const held = this.held.get(dataId);
    if (held) held.references--;
  }
  override refCount(dataId: object): number {
    return this.held.get(dataId)?.references ?? 0;
  }
  override disposeData(dataId: object, force = false): boolean {
    this.decRef(dataId);
    if (!force && this.refCount(dataId) > 0) return false;
    return this.held.delete(dataId);
  }
  override numDataIds(): number {
    return this.held.size;
  }
  override memory(): { unreliable: boolean } {
    return { unreliable: false };
  }
  override floatPrecision(): 32 {
    return 32;
  }
  override epsilon(): number {
    return 1e-7;
  }
  override dispose(): void {
    this.held.clear();
  }
}

function ruleAsKernel(name: string, backendName: string): tf.KernelFunc {
  const compose = COMPOSED[backendName]?.[name];
  if (compose) {
    return ({ inputs, attrs }) =>
      tf.tidy(() => compose(inputs as tf.NamedTensorMap, (attrs ?? {}) as object as never));
  }
  const rule = SHAPE_RULES[name] as (typeof SHAPE_RULES)[string];
  return ({ inputs, attrs, backend }) => {
    const made = rule(
      inputs as unknown as Record<string, Shaped>,
      (attrs ?? {}) as object as never,
    );
    const info = ({ shape, dtype }: Shaped): tf.TensorInfo => ({
      shape,
      dtype,
      dataId: (backend as ShapesBackend).write(null, shape) as tf.TensorInfo['dataId'],
    });
    return Array.isArray(made) ? made.map(info) : info(made);
  };
}

/** Puts rules in the place of a backend's kernels; returns what undoes it. */
function replaceKernels(backendName: string): () => void {
  const undo: (() => void)[] = [];
  for (const config of tf.getKernelsForBackend(backendName)) {
    const { kernelName, kernelFunc } = config;
    // Those run kernels that have rules.
    if (isComposed(config)) continue;
    config.kernelFunc =
      kernelName in SHAPE_RULES ? ruleAsKernel(kernelName, backendName) : unknown(kernelName);
    undo.push(() => {
      config.kernelFunc = kernelFunc;
    });
  }
  for (const kernelName of Object.keys(SHAPE_RULES)) {
    // What a backend lacks of ours an operation does in another way.
    if (kernelName.startsWith('RevCol') || tf.getKernel(kernelName, backendName)) continue;
    tf.registerKernel({
      kernelName,
      backendName,
      kernelFunc: ruleAsKernel(kernelName, backendName),
    });
    undo.push(() => tf.unregisterKernel(kernelName, backendName));
  }
  return () => undo.forEach((one) => one());
}

function unknown(kernelName: string): tf.KernelFunc {
  return () => {
    throw new Error(
      `memoryPlan: nothing is known of the shapes that kernel ${kernelName} gives; measure such a model ` +
        `with memoryPeak`,
    );
  };
}

/** A tensor of a shape and nothing else. Within `inSandbox`. */
export function blank(shape: number[], dtype: tf.DataType = 'float32'): tf.Tensor {
  return runKernel('Fill', {}, { shape, value: 0, dtype });
}

/** Lets layers make weights without drawing values; returns what undoes it. */
function replaceInitializers(): () => void {
  const prototype = tfl.layers.Layer.prototype as unknown as { addWeight: AddWeight };
  const { addWeight } = prototype;
  prototype.addWeight = function (this: tfl.layers.Layer, name, shape, dtype, _, ...rest) {
    const initializer = { apply: (s: number[], d?: tf.DataType) => blank(s, d ?? 'float32') };
    return addWeight.call(this, name, shape, dtype, initializer, ...rest);
  };
  return () => {
    prototype.addWeight = addWeight;
  };
}

type AddWeight = (
  this: tfl.layers.Layer,
  name: string,
  shape: number[],
  dtype: unknown,
  initializer: unknown,
  ...rest: unknown[]
) => tfl.LayerVariable;

/**
 * Runs the synchronous `fn` as on a backend, which need not be there, and forgets every tensor that it
 * makes.
 */
export function inSandbox<T>(backendName: string, fn: () => T): T {
  const engine = tf.engine() as unknown as HiddenEngine;
  const { state, backendName: before, backendInstance, pendingBackendInit } = engine;
  const State = state.constructor as new () => object;
  const backend = new ShapesBackend();
  const undo = [replaceKernels(backendName), replaceInitializers()];
  engine.state = new State();
  engine.backendName = backendName;
  engine.backendInstance = backend;
  engine.pendingBackendInit = null;
  try {
    return assumingDevice(fn);
  } finally {
    engine.state = state;
    engine.backendName = before;
    engine.backendInstance = backendInstance;
    engine.pendingBackendInit = pendingBackendInit;
    undo.forEach((one) => one());
    backend.dispose();
  }
}
