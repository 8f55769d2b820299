/** Windows on storages whose elements lie far apart. */
import { checkView, readView } from '../../src/weights/tensor_view';

const MB = 1 << 20;

test('are read in parts, of which none is held that is longer than 16 MB', async () => {
  // Element i of the storage holds i, as a float32.
  const storage = 2e7;
  const lengths: number[] = [];
  const read = async (offset: number, length: number, take: (piece: Uint8Array) => void) => {
    lengths.push(length);
    const first = offset / 4;
    take(new Uint8Array(Float32Array.from({ length: length / 4 }, (_, i) => first + i).buffer));
  };
  const [shape, strides] = [
    [3, 2, 2],
    [3.2e6, 1.5e6, 1],
  ];
  const view = checkView('w', { dtype: 'float32', shape, strides, offset: 5 }, 4 * storage);
  const rows = [0, 1.5e6, 3.2e6, 4.7e6, 6.4e6, 7.9e6].flatMap((at) => [at + 5, at + 6]);
  expect([...(await readView(view, read))]).toEqual(rows);
  expect(lengths.length).toBeGreaterThan(1);
  expect(Math.max(...lengths)).toBeLessThanOrEqual(16 * MB);
});
