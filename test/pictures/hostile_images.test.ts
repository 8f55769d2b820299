/** Image files that say one thing and hold another: an error within bounds of memory and time. */
import { deflateSync } from 'node:zlib';

import { checkImage, decodeImage } from '../../src/pictures/decode_image';
import { toRgb } from '../../src/preprocessing/image';
import { png, pngChunk, pngHeader, rgbPng, SIGNATURE, zeros } from './image_files';
import images from './images.json';

const stored = (name: keyof typeof images.files) => Buffer.from(images.files[name].file, 'base64');

/** What both the check and the decoder say, which must be the same. */
async function refusal(bytes: Uint8Array): Promise<string> {
  const before = process.memoryUsage().rss;
  const said = await Promise.all(
    [checkImage, decodeImage].map(async (read) =>
      read(bytes, 'a.img').then(
        () => 'taken',
        (error: unknown) => (error as Error).message,
      ),
    ),
  );
  expect(process.memoryUsage().rss - before).toBeLessThan(150e6);
  expect(said[1]).toBe(said[0]);
  return said[0] as string;
}

const row = deflateSync(Buffer.from([0, 1, 2, 3]));

describe('PNG', () => {
  test.each([0, 1])('1x1 that inflates to 400 MiB (interlace %i)', async (interlace) => {
    const bomb = png([pngHeader(1, 1, { interlace })], zeros(400));
    expect(await refusal(bomb)).toContain('a.img: cannot be decoded: it holds more data');
  });

  test('a second header', async () => {
    for (const second of [pngHeader(1, 1), pngHeader(15_000, 15_000)]) {
      expect(await refusal(png([pngHeader(1, 1), second], row))).toContain('two headers');
      const late = [pngHeader(1, 1), pngChunk('IDAT', row), second];
      expect(await refusal(png(late, Buffer.alloc(0)))).toContain('two headers');
    }
  });

  test.each<[string, Buffer, string]>([
    ['no header', png([], row), 'does not begin with a header'],
    ['the header later', png([pngChunk('tEXt', Buffer.from('a')), pngHeader(1, 1)], row), 'begin'],
    ['a short header', png([pngChunk('IHDR', Buffer.alloc(12))], row), '12 bytes'],
    ['no data', Buffer.concat([SIGNATURE, pngHeader(1, 1), pngChunk('IEND', row.subarray(9))]), ''],
    ['no width', png([pngHeader(0, 5)], row), '0 x 5 pixels'],
    ['too many pixels', png([pngHeader(20_000, 20_000)], row), 'more than 200 million'],
    ['too long', png([pngHeader(1_000_001, 1)], row), 'no side may have more than 1 million'],
    ['fewer rows', png([pngHeader(1, 2)], row), 'fewer data'],
    ['fewer rows, interlaced', png([pngHeader(1, 2, { interlace: 1 })], row), 'fewer data'],
    ['cut data', png([pngHeader(1, 1)], row.subarray(0, 7)), 'unexpected end'],
    ['data of something else', png([pngHeader(1, 1)], Buffer.from('hello')), 'incorrect header'],
    ['five bits', png([pngHeader(1, 1, { depth: 5 })], row), 'colour type 2 of 5 bits'],
    ['colour type 5', png([pngHeader(1, 1, { colour: 5 })], row), 'colour type 5'],
    ['interlacing 2', png([pngHeader(1, 1, { interlace: 2 })], row), 'there is not'],
    [
      'two palettes',
      png([pngHeader(1, 1), ...Array(2).fill(pngChunk('PLTE', row))], row),
      'two pal',
    ],
    ['an unknown critical chunk', png([pngHeader(1, 1), pngChunk('ABCD', row)], row), 'ABCD'],
    ['a chunk of no letters', png([pngHeader(1, 1), pngChunk('tR\x03S', row)], row), 'tR\\u0003S'],
    [
      'a chunk that goes on for ever',
      Buffer.concat([SIGNATURE, Buffer.alloc(64, 0x7f)]),
      'cut short',
    ],
  ])('%s', async (_, file, message) => {
    expect(await refusal(file)).toContain('a.img: cannot be decoded: ');
    expect(await refusal(file)).toContain(message);
  });

  test('what decoders pass over is no error: bytes after the last row, and after the end', async () => {
    const more = deflateSync(Buffer.from([0, 1, 2, 3, 9, 9, 9]));
    for (const file of [
      png([pngHeader(1, 1)], more),
      Buffer.concat([png([pngHeader(1, 1)], row), more]),
    ]) {
      expect(toRgb(await decodeImage(file, 'a')).data).toEqual(Uint8Array.of(1, 2, 3));
    }
  });

  test('every small size is read interlaced as it is without', async () => {
    for (const [width, height] of [
      [1, 1],
      [2, 3],
      [5, 1],
      [8, 8],
      [9, 17],
    ] as const) {
      const plain = Buffer.alloc(height * (1 + width), 7);
      for (let y = 0; y < height; y++) plain[y * (1 + width)] = 0;
      const grey = { colour: 0 };
      const straight = png([pngHeader(width, height, grey)], deflateSync(plain));
      const passes: number[] = [];
      for (const [x, y, dx, dy] of [
        [0, 0, 8, 8],
        [4, 0, 8, 8],
        [0, 4, 4, 8],
        [2, 0, 4, 4],
        [0, 2, 2, 4],
        [1, 0, 2, 2],
        [0, 1, 1, 2],
      ] as const) {
        for (let line = y; line < height; line += dy) {
          const columns = Math.max(0, Math.ceil((width - x) / dx));
          if (columns > 0) passes.push(0, ...Array<number>(columns).fill(7));
        }
      }
      const interlaced = png(
        [pngHeader(width, height, { ...grey, interlace: 1 })],
        deflateSync(Buffer.from(passes)),
      );
      const [a, b] = [await decodeImage(straight, 'a'), await decodeImage(interlaced, 'b')];
      expect(Buffer.from(b.data).equals(Buffer.from(a.data))).toBe(true);
      // pngjs refuses more than the rows where they are interlaced, and else loses rows before it.
      for (const [interlace, rows] of [
        [0, plain],
        [1, Buffer.from(passes)],
      ] as const) {
        const data = deflateSync(Buffer.concat([rows, Buffer.alloc(100, 9)]));
        const more = await decodeImage(
          png([pngHeader(width, height, { ...grey, interlace })], data),
          'c',
        );
        expect(Buffer.from(more.data).equals(Buffer.from(a.data))).toBe(true);
      }
    }
  });

  test('a transparent colour keeps its colour, as with Pillow', async () => {
    const transparent = pngChunk('tRNS', Buffer.from([0, 10, 0, 200, 0, 30]));
    const pixel = (x: number) => (x > 1 ? [10, 200, 30] : [1, 2, 3]);
    const { data } = toRgb(await decodeImage(rgbPng(3, 1, pixel, [transparent]), 'a'));
    expect([...data]).toEqual([1, 2, 3, 1, 2, 3, 10, 200, 30]);
  });
});

describe('JPEG', () => {
  const jpeg = stored('jpeg progressive');
  const baseline = stored('jpeg 4:4:4');
  const frame = baseline.indexOf(Buffer.from([0xff, 0xc0]));
  const withSize = (width: number, height: number) => {
    const copy = Buffer.from(baseline);
    copy.writeUInt16BE(height, frame + 5);
    copy.writeUInt16BE(width, frame + 7);
    return copy;
  };

  test('a small file that claims a large image', async () => {
    expect(await refusal(withSize(60_000, 60_000))).toContain('more than 200 million');
    expect(await refusal(withSize(14_000, 14_000))).toContain('fewer data than its header says');
    expect(await refusal(withSize(0, 34))).toContain('0 x 34 pixels');
  });

  test('tens of thousands of scans', async () => {
    const scan = jpeg.lastIndexOf(Buffer.from([0xff, 0xda]));
    const end = jpeg.length - 2;
    const last = jpeg.subarray(scan, end);
    const scans = Array.from({ length: 20_000 }, () => last);
    const file = Buffer.concat([jpeg.subarray(0, end), ...scans, jpeg.subarray(end)]);
    expect(await refusal(file)).toContain('more than 100 scans');
  });

  test('a second header', async () => {
    const length = 2 + baseline.readUInt16BE(frame + 2);
    const second = withSize(14_000, 14_000).subarray(frame, frame + length);
    const file = Buffer.concat([baseline.subarray(0, frame), second, baseline.subarray(frame)]);
    expect(await refusal(file)).toContain('two headers');
  });

  test('a segment that goes on for ever, or ends before it begins', async () => {
    const bad = (length: number) =>
      Buffer.from([0xff, 0xd8, 0xff, 0xe1, length >> 8, length & 255, 1]);
    expect(await refusal(Buffer.concat([bad(0xffff), baseline.subarray(2)]))).toContain(
      'cut short',
    );
    expect(await refusal(Buffer.concat([bad(1), baseline.subarray(2)]))).toContain('1 bytes');
  });

  test('padding between segments and bytes after the end are no error', async () => {
    const padded = Buffer.concat([
      baseline.subarray(0, frame),
      Buffer.from([0xff, 0xff]),
      baseline.subarray(frame),
      Buffer.from('trailer'),
    ]);
    const [a, b] = [await decodeImage(baseline, 'a'), await decodeImage(padded, 'b')];
    expect(Buffer.from(b.data).equals(Buffer.from(a.data))).toBe(true);
  });
});

test('of images decoded at the same time the damaged one is blamed', async () => {
  const good = stored('jpeg 4:2:0');
  const damaged = Buffer.from(good);
  // In the middle of the coded data: only the decoder can tell.
  damaged.fill(0xff, damaged.length - 400, damaged.length - 390);
  const files = [good, damaged, good, damaged, good];
  const said = await Promise.all(
    files.map((file, i) =>
      decodeImage(file, `image ${i}`).then(
        () => 'taken',
        (error: unknown) => (error as Error).message.slice(0, 28),
      ),
    ),
  );
  const refused = (i: number) => `image ${i}: cannot be decoded: `;
  expect(said).toEqual(['taken', refused(1), 'taken', refused(3), 'taken']);
});
