/** 8-bit floating point as PyTorch reads it, and types that are only listed. */
import { openCheckpoint } from '../../src/weights/open_checkpoint';
import { firstDifference, fixturePath } from './support/fixtures';
import { concat } from './support/mutate';

describe.each(['float8.pth', 'float8.safetensors'])('%s', (file) => {
  test('has every number of every 8-bit type, bit for bit', async () => {
    const checkpoint = await openCheckpoint(fixturePath(file));
    const expected = await openCheckpoint(fixturePath('float8_expected.safetensors'));
    const names = [...checkpoint.entries.keys()].filter((name) => name !== 'packed');
    expect(names).toHaveLength(file.endsWith('.pth') ? 11 : 6);
    for (const name of names) {
      const [got, wanted] = [await checkpoint.read(name), await expected.read(name)];
      expect(checkpoint.entries.get(name)?.shape).toEqual(expected.entries.get(name)?.shape);
      expect({ name, differsAt: firstDifference(got, wanted) }).toEqual({ name, differsAt: -1 });
      const type = name.replace('.strided', '');
      if (type !== 'other') expect(checkpoint.entries.get(name)?.dtype).toBe(type);
    }
    await checkpoint.close();
    await expected.close();
  });

  test('lists a type that it does not know, and reads the others', async () => {
    const checkpoint = await openCheckpoint(fixturePath(file));
    const dtype = file.endsWith('.pth') ? 'float4_e2m1fn_x2' : 'F4';
    expect(checkpoint.entries.get('packed')).toMatchObject({ dtype, bytes: 6 });
    const reading = checkpoint.read('packed');
    await expect(reading).rejects.toMatchObject({ name: 'CheckpointError', code: 'unsupported' });
    await expect(reading).rejects.toThrow(`Tensors of type ${dtype} cannot be read`);
    expect([...(await checkpoint.read('other'))]).toEqual([1.5, -2]);
    await checkpoint.close();
  });
});

describe('types of safetensors that only their name is known of', () => {
  const fileOf = (dtype: string, shape: number[], bytes: number): Uint8Array => {
    const header = {
      odd: { dtype, shape, data_offsets: [0, bytes] },
      w: { dtype: 'F32', shape: [1], data_offsets: [bytes, bytes + 4] },
    };
    const json = new TextEncoder().encode(JSON.stringify(header));
    const length = new Uint8Array(8);
    length[0] = json.length;
    const data = concat(new Uint8Array(bytes), new Uint8Array(Float32Array.of(7).buffer));
    return concat(length, json, data);
  };

  test.each([
    ['F4', [4, 2], 4],
    ['F6_E2M3', [8], 6],
    ['F6_E3M2', [4, 3], 9],
    ['I2', [9, 9], 5],
    ['toString', [1], 3],
  ])('%s', async (dtype, shape, bytes) => {
    const checkpoint = await openCheckpoint(fileOf(dtype, shape, bytes));
    expect(checkpoint.entries.get('odd')).toEqual({ dtype, shape, bytes });
    expect([...(await checkpoint.read('w'))]).toEqual([7]);
    await expect(checkpoint.read('odd')).rejects.toMatchObject({ code: 'unsupported' });
  });

  test.each([
    ['F4 of a wrong size', fileOf('F4', [4], 3)],
    ['half a byte of F4', fileOf('F4', [3], 2)],
    ['F6 of a wrong size', fileOf('F6_E2M3', [8], 8)],
  ])('%s is damage', async (_, file) => {
    await expect(openCheckpoint(file)).rejects.toMatchObject({ code: 'corrupt' });
  });
});
