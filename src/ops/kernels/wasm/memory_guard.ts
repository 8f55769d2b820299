/**
 * Lets backend 'wasm' say that it is out of memory. tfjs-backend-wasm 4.22 takes what its allocator returns for an
 * address, also the 0 that stands for none, and computes on whatever lies there. And sizes go to the allocator
 * as 32-bit numbers: of 4 GiB and 8 bytes it is asked for 8.
 */
import { memoryOf } from '../simd_module';
import type { WasmBackend } from './backend';

type Allocator = Pick<WasmBackend['wasm'], '_malloc'> & Partial<WasmBackend['wasm']>;

/** Bytes that 32-bit addresses reach. */
const ADDRESSES = 2 ** 32;

const guarded = new WeakSet<Allocator>();

/**
 * From now on the allocator of a backend throws where it has no memory: an Error, before anything is written. A
 * second call does nothing, nor does one with a stand-in for the backend that has no allocator.
 */
export function guardMemory({ wasm }: { wasm?: Allocator }): void {
  if (typeof wasm?._malloc !== 'function' || guarded.has(wasm)) return;
  guarded.add(wasm);
  let allocate = wasm._malloc;
  const guard = (bytes: number): number => {
    // Stock kernels pass on sizes of shapes that they have got wrong.
    if (!(bytes >= 0))
      throw new Error(`wasm was asked for ${bytes} bytes: a kernel got a shape wrong`);
    const address = bytes < ADDRESSES ? allocate(bytes) : 0;
    if (address !== 0 || bytes === 0) return address;
    const heap = memoryOf(wasm)?.buffer.byteLength;
    throw new Error(
      `wasm is out of memory: no ${bytes} bytes in one piece are left` +
        (heap === undefined
          ? ''
          : `, the heap has grown to ${heap} of at most ${ADDRESSES} bytes`) +
        `; dispose of tensors, or take smaller inputs or batches`,
    );
  };
  // Emscripten's module puts another function in this place when it is called first.
  Object.defineProperty(wasm, '_malloc', {
    configurable: true,
    enumerable: true,
    get: () => guard,
    set: (own: Allocator['_malloc']) => {
      allocate = own;
    },
  });
}
