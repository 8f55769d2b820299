import { decodeImage } from '../../src/cli/decode_image';
import { toRgb } from '../../src/preprocessing/image';
import images from './images.json';

interface Stored {
  file: string;
  rgb: string;
}

const files = Object.entries(images.files as Record<string, Stored>);

/** Largest and mean difference to what Pillow reads. */
function difference({ file, rgb }: Stored): { worst: number; mean: number } {
  const decoded = decodeImage(Buffer.from(file, 'base64'), 'image');
  expect([decoded.width, decoded.height]).toEqual([images.width, images.height]);
  const got = toRgb(decoded).data;
  const expected = Buffer.from(rgb, 'base64');
  expect(got).toHaveLength(expected.length);
  const differences = [...expected].map((value, i) => Math.abs(value - (got[i] as number)));
  return {
    worst: Math.max(...differences),
    mean: differences.reduce((sum, d) => sum + d, 0) / differences.length,
  };
}

test.each(files.filter(([name]) => name.startsWith('png')))(
  '%s: exactly as Pillow',
  (_, stored) => {
    expect(difference(stored).worst).toBe(0);
  },
);

test.each(files.filter(([name]) => name.startsWith('jpeg')))(
  '%s: nearly as Pillow',
  (name, stored) => {
    const { worst, mean } = difference(stored);
    // With halved chroma, Pillow smooths when doubling it and this decoder does not.
    const smoothed = name === 'jpeg 4:2:0' || name === 'jpeg progressive';
    expect(worst).toBeLessThanOrEqual(smoothed ? 16 : 2);
    expect(mean).toBeLessThan(smoothed ? 3 : 0.5);
  },
);

test('errors name the file', () => {
  const [, jpeg] = files.find(([name]) => name === 'jpeg 4:2:0') as [string, Stored];
  const [, png] = files.find(([name]) => name === 'png') as [string, Stored];
  const half = ({ file }: Stored) => {
    const bytes = Buffer.from(file, 'base64');
    return bytes.subarray(0, bytes.length / 2);
  };
  expect(() => decodeImage(half(png), 'a.png')).toThrow(/^a\.png: cannot be decoded: /);
  expect(() => decodeImage(half(jpeg).subarray(0, 200), 'a.jpg')).toThrow(
    /^a\.jpg: cannot be decoded: /,
  );
  expect(() => decodeImage(Buffer.from('GIF89a'), 'a.gif')).toThrow('a.gif: neither JPEG nor PNG');
  expect(() => decodeImage(Buffer.alloc(0), 'empty')).toThrow('empty: neither JPEG nor PNG');
});
