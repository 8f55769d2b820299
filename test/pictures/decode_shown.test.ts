/** Pictures as they are shown: upright, in RGB of 8 bits, from every kind of file. */
import { deflateSync } from 'node:zlib';

import { checkImage, decodeImage, decodeShown } from '../../src/pictures/decode_image';
import { orientationOf } from '../../src/pictures/orientation';
import { toRgb } from '../../src/preprocessing/image';
import { png, pngHeader } from './image_files';
import kinds from './image_kinds.json';
import images from './images.json';
import shown from './shown.json';

const fileOf = (name: keyof typeof shown.files) => Buffer.from(shown.files[name].file, 'base64');

test.each(Object.entries(shown.files))('%s: exactly what Pillow shows', async (_, stored) => {
  const { width, height, data } = await decodeShown(Buffer.from(stored.file, 'base64'), 'image');
  expect([width, height]).toEqual([stored.width, stored.height]);
  expect([...data]).toEqual([...Buffer.from(stored.rgb, 'base64')]);
});

test('what has no tag and 8 bits is as classify reads it', async () => {
  const files = { ...images.files, ...kinds.files };
  const others = Object.entries(files).filter(([name]) => !name.includes('16 bits'));
  expect(others.length).toBeGreaterThan(20);
  for (const [name, { file }] of others) {
    const bytes = Buffer.from(file, 'base64');
    const plain = toRgb(await decodeImage(bytes, name));
    expect({ [name]: [...(await decodeShown(bytes, name)).data] }).toEqual({
      [name]: [...plain.data],
    });
  }
});

test('classify reads WebP, without turning it', async () => {
  const turned = toRgb(await decodeImage(fileOf('webp turned 6'), 'a'));
  const plain = toRgb(await decodeImage(fileOf('webp'), 'a'));
  expect(turned).toEqual(plain);
});

test('16 bits keep their shades, also grey ones', async () => {
  const samples = [0, 1000, 32768, 65535];
  const row = Buffer.alloc(9);
  samples.forEach((sample, i) => row.writeUInt16BE(sample, 1 + 2 * i));
  const file = png([pngHeader(4, 1, { depth: 16, colour: 0 })], deflateSync(row));
  const { data } = await decodeShown(file, 'a.png');
  expect([...data]).toEqual(samples.flatMap((sample) => Array<number>(3).fill(sample >> 8)));
});

describe('WebP that says one thing and holds another', () => {
  const refusal = async (bytes: Uint8Array) => {
    const said = await Promise.all(
      [checkImage, decodeShown].map((read) =>
        read(bytes, 'a.webp').then(
          () => 'taken',
          (error: unknown) => (error as Error).message,
        ),
      ),
    );
    expect(said[1]).toBe(said[0]);
    return said[0] as string;
  };
  const changed = (name: keyof typeof shown.files, change: (bytes: Buffer) => void) => {
    const bytes = fileOf(name);
    change(bytes);
    return bytes;
  };

  test('a size that no one has memory for', async () => {
    const lossy = changed('webp', (bytes) => {
      const frame = bytes.indexOf(Buffer.from([0x9d, 0x01, 0x2a]));
      bytes.writeUInt16LE(16383, frame + 3);
      bytes.writeUInt16LE(16383, frame + 5);
    });
    expect(await refusal(lossy)).toContain('16383 x 16383 pixels are more than 200 million');
    const lossless = changed('webp lossless', (bytes) => {
      bytes.fill(0xff, bytes.indexOf('VP8L') + 9, bytes.indexOf('VP8L') + 13);
    });
    expect(await refusal(lossless)).toContain('pixels are more than 200 million');
    const extended = changed('webp turned 6', (bytes) => {
      bytes.fill(0xff, bytes.indexOf('VP8X') + 12, bytes.indexOf('VP8X') + 18);
    });
    expect(await refusal(extended)).toContain('pixels are more than 200 million');
  });

  test.each<[string, Buffer, string]>([
    ['cut short', fileOf('webp').subarray(0, 100), 'cut short'],
    ['only a header', fileOf('webp').subarray(0, 12), 'cut short'],
    ['animated', changed('webp turned 6', (b) => (b[b.indexOf('VP8X') + 8] = 2)), 'animated'],
    ['no pixels', changed('webp', (b) => b.write('none', b.indexOf('VP8 '))), 'no pixels'],
    ['no key frame', changed('webp', (b) => (b[b.indexOf('VP8 ') + 11] = 0)), 'damaged'],
    ['no signature', changed('webp lossless', (b) => (b[b.indexOf('VP8L') + 8] = 0)), 'damaged'],
    [
      'a chunk that goes on for ever',
      changed('webp', (b) => b.fill(0xff, b.indexOf('VP8 ') + 4, b.indexOf('VP8 ') + 8)),
      'cut short',
    ],
  ])('%s', async (_, bytes, message) => {
    expect(await refusal(bytes)).toMatch(/^a\.webp: cannot be decoded: /);
    expect(await refusal(bytes)).toContain(message);
  });

  test('damage inside: an error that names the file, or a picture of its size', async () => {
    const said = new Set<string>();
    for (const name of ['webp', 'webp lossless', 'webp lossy alpha'] as const) {
      const whole = fileOf(name);
      for (let at = 30; at < whole.length; at += 7) {
        const bytes = Buffer.from(whole);
        bytes[at] = (bytes[at] as number) ^ 0xa5;
        await decodeShown(bytes, 'a.webp').then(
          ({ width, height }) => said.add(`${width} x ${height}`),
          (error: unknown) => said.add((error as Error).message.slice(0, 27)),
        );
      }
    }
    expect([...said].sort()).toEqual(['23 x 14', 'a.webp: cannot be decoded: ']);
  });
});

describe('the orientation tag', () => {
  test('damaged or odd EXIF data leave a picture as it is', () => {
    const whole = fileOf('jpeg turned 6');
    const exif = whole.subarray(whole.indexOf('Exif'));
    expect(orientationOf(exif.subarray(0, 80))).toBe(6);
    for (let end = 0; end < 50; end++)
      expect([1, 6]).toContain(orientationOf(exif.subarray(0, end)));
    expect(orientationOf(Buffer.alloc(40, 0xff))).toBe(1);
    expect(orientationOf(undefined)).toBe(1);
  });
});
