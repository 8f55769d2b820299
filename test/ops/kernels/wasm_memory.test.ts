/** A wasm heap that has no room left says so, and goes on as if nothing had been asked of it. */
import 'tfjs-revcol';
import * as tf from '@tensorflow/tfjs';

import { guardMemory } from '../../../src/ops/kernels/wasm/memory_guard';
import { describeBackends, expectNoLeak } from '../../support/backends';

describeBackends(
  'memory of the heap',
  () => {
    /** Bytes of a heap that begin at the address which stands for none. */
    const firstBytes = () => {
      const { wasm } = tf.backend() as unknown as { wasm: { HEAPU8: Uint8Array } };
      return Array.from(wasm.HEAPU8.subarray(0, 4096));
    };

    test.each([
      ['more than is left', 2 ** 30 - 2],
      // By 32-bit numbers this is 32 bytes.
      ['more than addresses reach', 2 ** 30 + 8],
    ])('refuses %s, and computes as before', async (_, count) => {
      const x = tf.tensor1d([1, 2, 3]);
      const expected = Array.from(await tf.cumsum(x).data());
      const before = firstBytes();
      await expectNoLeak(() => {
        const one = tf.tensor1d([7]);
        try {
          expect(() => tf.tile(one, [count])).toThrow(
            new RegExp(`wasm is out of memory: no ${4 * count} bytes in one piece are left`),
          );
        } finally {
          one.dispose();
        }
      });
      expect(firstBytes()).toEqual(before);
      expect(Array.from(await tf.cumsum(x).data())).toEqual(expected);
      x.dispose();
    });
  },
  { only: ['wasm'] },
);

test('an allocator stays guarded when its module puts another in its place', () => {
  const asked: number[] = [];
  const wasm: { _malloc(bytes: number): number } = {
    // As emscripten's modules do.
    _malloc: (bytes) => {
      wasm._malloc = (later) => {
        asked.push(later);
        return later > 100 ? 0 : -8;
      };
      return wasm._malloc(bytes);
    },
  };
  guardMemory({ wasm });
  guardMemory({ wasm });
  expect(wasm._malloc(8)).toBe(-8);
  expect(wasm._malloc(100)).toBe(-8);
  expect(() => wasm._malloc(101)).toThrow(/no 101 bytes/);
  expect(() => wasm._malloc(2 ** 32 + 8)).toThrow(/no 4294967304 bytes/);
  expect(asked).toEqual([8, 100, 101]);
});

test('a stand-in for a backend without an allocator is left alone', () => {
  const standIn = {};
  guardMemory(standIn);
  expect(standIn).toEqual({});
});
