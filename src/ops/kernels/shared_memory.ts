/** Lets backend 'wasm' start with a memory that several threads can work on. */
import * as tf from '@tensorflow/tfjs-core';

/** Where tfjs-core keeps what makes a backend. */
type Factories = Record<string, { factory(): unknown } | undefined>;

/** What says whether the memory is to be shared; a promise where that is not known yet. */
type Wanted = () => boolean | Promise<boolean>;

/** Whose factory is replaced already. */
const replaced = new WeakSet();

/**
 * From now on the backend gets a shared memory when it starts, if `wanted` says so then; the start waits for
 * an answer that is a promise. tfjs's ordinary
 * build declares a memory of its own, with a maximum, as a shared one must have; "shared" is one bit of
 * that declaration. It is set in the bytes between tfjs and the engine, so `WebAssembly.instantiate` and
 * `instantiateStreaming` are others for as long as the backend takes to start. The threaded build, which
 * tfjs takes in isolated pages, shares its memory anyway.
 *
 * @returns false when the backend has started or is not there
 */
export function shareMemoryAtStart(wanted: Wanted): boolean {
  const { registry, registryFactory } = tf.engine();
  const entry = (registryFactory as Factories).wasm;
  if (entry === undefined || 'wasm' in registry) return false;
  if (replaced.has(entry)) return true;
  replaced.add(entry);
  const { factory } = entry;
  const start = (isWanted: boolean) => (isWanted ? whileSharing(factory) : factory());
  entry.factory = () => {
    const answer = wanted();
    return typeof answer === 'boolean' ? start(answer) : answer.then(start);
  };
  return true;
}

/** Resolves when no backend is about to start any more that has begun to before this call. */
export function startInProgress(): Promise<unknown> | null {
  const { registry, pendingBackendInit } = tf.engine() as unknown as {
    registry: object;
    pendingBackendInit?: Promise<unknown> | null;
  };
  return 'wasm' in registry ? null : (pendingBackendInit ?? null);
}

async function whileSharing(start: () => unknown): Promise<unknown> {
  const { instantiate, instantiateStreaming } = WebAssembly;
  const shared = async (source: BufferSource, imports?: WebAssembly.Imports) => {
    const bytes = withSharedMemory(source);
    if (bytes !== null) {
      try {
        return await instantiate(bytes, imports);
      } catch {
        // What the engine refuses to share it may well run.
      }
    }
    return instantiate(source, imports);
  };
  const functions = {
    instantiate: (source: BufferSource | WebAssembly.Module, imports?: WebAssembly.Imports) =>
      source instanceof WebAssembly.Module ? instantiate(source, imports) : shared(source, imports),
    // Others may be loading modules of their own at the same time.
    instantiateStreaming: async (
      source: Response | PromiseLike<Response>,
      imports?: WebAssembly.Imports,
    ) => {
      const response = await source;
      const bytes = await response.clone().arrayBuffer();
      if (withSharedMemory(bytes) === null) return instantiateStreaming(response, imports);
      return shared(bytes, imports);
    },
  };
  const names = (['instantiate', 'instantiateStreaming'] as const).filter(
    (name) => typeof WebAssembly[name] === 'function',
  );
  const before = names.map((name) => Object.getOwnPropertyDescriptor(WebAssembly, name));
  const put = (name: string, descriptor: PropertyDescriptor) =>
    Reflect.defineProperty(WebAssembly, name, descriptor);
  for (const name of names) {
    put(name, { configurable: true, writable: true, enumerable: true, value: functions[name] });
  }
  try {
    return await start();
  } finally {
    names.forEach((name, i) => {
      const isOurs = WebAssembly[name] === functions[name];
      if (isOurs) put(name, before[i] as PropertyDescriptor);
    });
  }
}

/** Name of a function that only tfjs's module exports. */
const MARK = Uint8Array.from('register_tensor', (character) => character.charCodeAt(0));
const MEMORY_SECTION = 5;
const EXPORT_SECTION = 7;
const HAS_MAXIMUM = 1;
const HAS_MAXIMUM_AND_IS_SHARED = 3;

/** A copy of tfjs's module whose memory is shared; null for any other module. */
export function withSharedMemory(source: BufferSource): Uint8Array<ArrayBuffer> | null {
  const bytes = ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength).slice()
    : new Uint8Array(source).slice();
  let flag = -1;
  let isTfjs = false;
  let at = 8;
  const number = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++] ?? 0;
      value |= (byte & 127) << shift;
      if (byte < 128) return value >>> 0;
    }
  };
  while (at < bytes.length) {
    const section = bytes[at++];
    const end = number() + at;
    if (section === MEMORY_SECTION && number() === 1 && bytes[at] === HAS_MAXIMUM) flag = at;
    if (section === EXPORT_SECTION) isTfjs = includes(bytes.subarray(at, end), MARK);
    at = end;
  }
  if (flag < 0 || !isTfjs) return null;
  bytes[flag] = HAS_MAXIMUM_AND_IS_SHARED;
  return bytes;
}

function includes(bytes: Uint8Array, part: Uint8Array): boolean {
  const first = part[0] as number;
  for (let at = bytes.indexOf(first); at >= 0; at = bytes.indexOf(first, at + 1)) {
    if (part.every((byte, i) => bytes[at + i] === byte)) return true;
  }
  return false;
}
