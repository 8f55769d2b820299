import { encodeWeight, storedBytes } from '../../src/convert/quantize';

const KERNEL = (count: number) => [1, count];

/** What IEEE 754 half precision bits mean. */
function halfValue(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 0x3ff;
  return exponent === 0
    ? sign * fraction * 2 ** -24
    : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function toHalves(values: number[]): number[] {
  const { bytes } = encodeWeight('w', new Float32Array(values), KERNEL(values.length), 'float16');
  return [...new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2)];
}

test('float16: every representable value stays, everything between goes to the nearest, ties to even', () => {
  const finite = Array.from({ length: 0x7c00 }, (_, bits) => bits);
  expect(toHalves(finite.map(halfValue))).toEqual(finite);
  expect(toHalves(finite.slice(1).map((bits) => -halfValue(bits)))).toEqual(
    finite.slice(1).map((bits) => bits | 0x8000),
  );
  const steps = finite.slice(0, -1);
  const between = (share: number) =>
    toHalves(
      steps.map((bits) => halfValue(bits) + share * (halfValue(bits + 1) - halfValue(bits))),
    );
  expect(between(0.25)).toEqual(steps);
  expect(between(0.75)).toEqual(steps.map((bits) => bits + 1));
  expect(between(0.5)).toEqual(steps.map((bits) => (bits % 2 === 0 ? bits : bits + 1)));
  expect(toHalves([2 ** -26, -(2 ** -30), 1e-45, 65519])).toEqual([0, 0x8000, 0, 0x7bff]);
});

test.each([NaN, Infinity, -Infinity, 65520, 1e9])('float16 refuses %p', (value) => {
  expect(() => toHalves([1, value])).toThrow(`w holds ${value}, which float16`);
});

test('uint8: within half a step of the value, and 0 exactly 0', () => {
  const values = Float32Array.from({ length: 1000 }, (_, i) => Math.sin(i) * (i % 7) - 0.3);
  values[17] = 0;
  const { bytes, quantization } = encodeWeight('w', values, KERNEL(1000), 'uint8');
  const { scale = NaN, min = NaN } = quantization ?? {};
  let worst = 0;
  for (const [i, value] of values.entries()) {
    worst = Math.max(worst, Math.abs(value - (min + scale * (bytes[i] as number))));
  }
  // Moving the range so that it has a 0 costs the ends up to half a step more.
  expect(worst).toBeLessThanOrEqual(scale * 1.0001);
  expect(min + scale * (bytes[17] as number)).toBe(0);
  expect(bytes).toHaveLength(storedBytes([1000, 1], 'uint8'));
});

test.each([
  ['zeros', 0],
  ['one positive value', 2.5],
  ['one negative value', -2.5],
])('uint8: %s', (_, value) => {
  const values = new Float32Array(8).fill(value);
  const { bytes, quantization } = encodeWeight('w', values, KERNEL(8), 'uint8');
  const { scale = NaN, min = NaN } = quantization ?? {};
  expect(min + scale * (bytes[0] as number)).toBeCloseTo(value, 6);
});

test('uint8 refuses what is not a number', () => {
  const values = new Float32Array([1, NaN]);
  expect(() => encodeWeight('w', values, KERNEL(2), 'uint8')).toThrow('w holds NaN');
  let error: unknown;
  try {
    encodeWeight('w', values, KERNEL(2), 'uint8');
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toMatchObject({ name: 'CheckpointError', code: 'unsupported' });
});

test('vectors stay float32, and float32 stays bit for bit', () => {
  const values = new Float32Array([1e-6, NaN, -0, 3]);
  for (const dtype of ['uint8', 'float16', 'float32'] as const) {
    const { bytes, quantization } = encodeWeight('w', values, [4], dtype);
    expect(Buffer.from(bytes).equals(Buffer.from(values.buffer))).toBe(true);
    expect(quantization).toBeUndefined();
    expect(storedBytes([4], dtype)).toBe(16);
  }
});
