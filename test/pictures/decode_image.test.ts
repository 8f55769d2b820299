import { decodeImage } from '../../src/pictures/decode_image';
import { toRgb } from '../../src/preprocessing/image';
import kinds from './image_kinds.json';
import images from './images.json';

interface Stored {
  file: string;
  rgb: string;
  width?: number;
  height?: number;
}

const files: Record<string, Stored> = { ...images.files, ...kinds.files };

const bytesOf = (name: string) => Buffer.from((files[name] as Stored).file, 'base64');

test.each(Object.entries(files))('%s: exactly what Pillow reads', async (name, stored) => {
  const { rgb, width = images.width, height = images.height } = stored;
  const warnings: string[] = [];
  const decoded = await decodeImage(bytesOf(name), 'image', (text) => warnings.push(text));
  expect([decoded.width, decoded.height]).toEqual([width, height]);
  expect([...toRgb(decoded).data]).toEqual([...Buffer.from(rgb, 'base64')]);
  const loses = /^png grey, 16 bits(?!, dark)/.test(name);
  expect(warnings).toEqual(loses ? [expect.stringMatching(/^image: 16-bit grey; .*white/)] : []);
});

describe('errors name the file', () => {
  test.each([
    'png',
    'jpeg 4:2:0',
    'jpeg 4:4:4',
    'jpeg progressive',
    'jpeg grey',
    'jpeg cmyk',
    'jpeg cmyk, progressive',
    'jpeg ycck, subsampled across, restarts',
  ])('%s cut short anywhere', async (name) => {
    const bytes = bytesOf(name);
    for (const share of [0.05, 0.3, 0.6, 0.95]) {
      await expect(
        decodeImage(bytes.subarray(0, Math.ceil(share * bytes.length)), 'a.img'),
      ).rejects.toThrow(/^a\.img: cannot be decoded: ./);
    }
    // And nothing of the failure stays behind.
    const width = files[name]?.width ?? images.width;
    await expect(decodeImage(bytes, 'a.img')).resolves.toMatchObject({ width });
  });

  test('neither JPEG, PNG nor WebP', async () => {
    await expect(decodeImage(Buffer.from('GIF89a-------'), 'a.gif')).rejects.toThrow(
      'a.gif: neither JPEG, PNG nor WebP',
    );
    await expect(decodeImage(Buffer.alloc(0), 'empty')).rejects.toThrow(
      'neither JPEG, PNG nor WebP',
    );
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

describe('CMYK', () => {
  const read = (file: Uint8Array) =>
    decodeImage(file, 'a.jpg').then(
      ({ width, height, data }) => `${width} x ${height}: ${data.length}`,
      (error: unknown) => (error as Error).message,
    );

  /** A copy with one segment's content changed. */
  const changed = (name: string, marker: number, change: (content: Buffer) => void) => {
    const file = bytesOf(name);
    const at = file.indexOf(Buffer.from([0xff, marker]));
    change(file.subarray(at + 4, at + 2 + file.readUInt16BE(at + 2)));
    return file;
  };

  test('what cannot be sorted says so', async () => {
    const name = 'jpeg ycck, subsampled';
    const alone = changed(name, 0xc0, (frame) => [7, 10, 13].forEach((at) => (frame[at] = 0x11)));
    expect(await read(alone)).toContain('a.jpg: cannot be decoded: CMYK whose components');
    const arithmetic = bytesOf(name);
    arithmetic[arithmetic.indexOf(Buffer.from([0xff, 0xc0])) + 1] = 0xc9;
    expect(await read(arithmetic)).toContain('only read from Huffman-coded');
    const unknown = changed(name, 0xda, (scan) => (scan[7] = 9));
    expect(await read(unknown)).toContain('a component that the header lacks');
    const tables = changed(name, 0xda, (scan) => (scan[8] = 0x33));
    expect(await read(tables)).toContain('lacks its Huffman tables');
    const codes = changed(name, 0xc4, (table) => (table[1] = 3));
    expect(await read(codes)).toMatch(/damaged: a Huffman table|cannot be decoded/);
  });

  test('any damage ends in an image of the right size or an error that names the file', async () => {
    const said = new Set<string>();
    for (const name of ['jpeg cmyk, progressive', 'jpeg ycck, subsampled across, restarts']) {
      const whole = bytesOf(name);
      for (let at = 20; at < whole.length; at += 173) {
        const file = Buffer.from(whole);
        file[at] = (file[at] as number) ^ 0xa5;
        said.add(await read(file));
      }
    }
    const fine = [...said].filter((text) => !text.startsWith('a.jpg: '));
    expect(fine).toEqual(['37 x 21: 3108']);
    expect(said.size).toBeGreaterThan(3);
  });
});
