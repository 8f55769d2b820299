/** Windows on storages whose elements lie far apart. */
import { checkView, readView } from '../../src/weights/tensor_view';

const MB = 1 << 20;

/** A storage whose element i is i, as a float32, and how many bytes were asked for at a time. */
function counting() {
  const lengths: number[] = [];
  const read = async (offset: number, length: number, take: (piece: Uint8Array) => void) => {
    lengths.push(length);
    const first = offset / 4;
    take(new Uint8Array(Float32Array.from({ length: length / 4 }, (_, i) => first + i).buffer));
  };
  return { read, lengths };
}

test.each<[string, number[], number[], number[]]>([
  [
    'rows',
    [3, 2, 2],
    [3.2e6, 1.5e6, 1],
    [0, 1.5e6, 3.2e6, 4.7e6, 6.4e6, 7.9e6].flatMap((at) => [at, at + 1]),
  ],
  ['columns, as of a transposed matrix', [2, 3], [1, 5e6], [0, 5e6, 1e7, 1, 5e6 + 1, 1e7 + 1]],
])('%s are read in parts, of which none is longer than 16 MB', async (...args) => {
  const [, shape, strides, elements] = args;
  const { read, lengths } = counting();
  const view = checkView('w', { dtype: 'float32', shape, strides, offset: 5 }, 8e7);
  expect([...(await readView(view, read))]).toEqual(elements.map((at) => at + 5));
  // The dimension with the longest steps alone is taken apart.
  expect(lengths).toHaveLength(3);
  expect(Math.max(...lengths)).toBeLessThanOrEqual(16 * MB);
});
