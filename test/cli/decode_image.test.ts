import { decodeImage } from '../../src/cli/decode_image';
import { toRgb } from '../../src/preprocessing/image';
import images from './images.json';

interface Stored {
  file: string;
  rgb: string;
}

const files = images.files as Record<string, Stored>;

const bytesOf = (name: string) => Buffer.from((files[name] as Stored).file, 'base64');

test.each(Object.entries(files))('%s: exactly what Pillow reads', async (name, { rgb }) => {
  const decoded = await decodeImage(bytesOf(name), 'image');
  expect([decoded.width, decoded.height]).toEqual([images.width, images.height]);
  expect(Buffer.from(toRgb(decoded).data).equals(Buffer.from(rgb, 'base64'))).toBe(true);
});

describe('errors name the file', () => {
  test.each(['png', 'jpeg 4:2:0', 'jpeg 4:4:4', 'jpeg progressive', 'jpeg grey'])(
    '%s cut short anywhere',
    async (name) => {
      const bytes = bytesOf(name);
      for (const share of [0.05, 0.3, 0.6, 0.95]) {
        await expect(
          decodeImage(bytes.subarray(0, Math.ceil(share * bytes.length)), 'a.img'),
        ).rejects.toThrow(/^a\.img: cannot be decoded: ./);
      }
      // And nothing of the failure stays behind.
      await expect(decodeImage(bytes, 'a.img')).resolves.toMatchObject({ width: images.width });
    },
  );

  test('neither JPEG nor PNG', async () => {
    await expect(decodeImage(Buffer.from('GIF89a-------'), 'a.gif')).rejects.toThrow(
      'a.gif: neither JPEG nor PNG',
    );
    await expect(decodeImage(Buffer.alloc(0), 'empty')).rejects.toThrow('neither JPEG nor PNG');
  });

  test('a header that claims more pixels than anyone has memory for', async () => {
    const png = bytesOf('png');
    png.writeUInt32BE(60_000, 16);
    png.writeUInt32BE(60_000, 20);
    await expect(decodeImage(png, 'a.png')).rejects.toThrow('60000 x 60000 pixels are more than');
    const jpeg = bytesOf('jpeg 4:4:4');
    const frame = jpeg.indexOf(Buffer.from([0xff, 0xc0]));
    jpeg.writeUInt16BE(65_000, frame + 5);
    jpeg.writeUInt16BE(65_000, frame + 7);
    await expect(decodeImage(jpeg, 'a.jpg')).rejects.toThrow('65000 x 65000 pixels are more than');
  });
});
