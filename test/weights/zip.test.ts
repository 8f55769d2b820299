import { deflateRawSync } from 'node:zlib';

import type { ByteSource } from '../../src/weights/bytes/byte_source';
import { memorySource } from '../../src/weights/bytes/source';
import { CheckpointError } from '../../src/weights/errors';
import { readZipDirectory, type ZipEntry } from '../../src/weights/zip/directory';
import { ZipEntryReader } from '../../src/weights/zip/entry';
import { buildLocalHeader, buildZip, buildZip64End, type EntryToBuild } from './support/build_zip';
import { concat, seededRandom } from './support/mutate';

const random = seededRandom(7);
const noise = Uint8Array.from({ length: 700_001 }, () => Math.floor(random() * 8));

async function readEntry(zip: Uint8Array, name: string): Promise<Uint8Array> {
  const source = memorySource(zip);
  const entry = (await readZipDirectory(source)).get(name);
  if (!entry) throw new Error(`no entry ${name}`);
  return new ZipEntryReader(source, entry).readAll(1e9);
}

async function readRange(reader: ZipEntryReader, offset: number, length: number) {
  const pieces: Uint8Array[] = [];
  await reader.read(offset, length, (piece) => pieces.push(piece.slice()));
  return concat(...pieces);
}

const A: EntryToBuild = { name: 'a', data: noise.subarray(0, 1000) };
const B: EntryToBuild = { name: 'b', data: noise.subarray(1000, 3000) };

/** Every archive here is refused as damaged. */
const REFUSED: Record<string, () => Uint8Array> = {
  'stored sizes that differ': () => buildZip([{ ...A, central: { size: 2000 } }]),
  'a packed size past the directory': () =>
    buildZip([{ ...A, central: { size: 5000, packedSize: 5000 } }]),
  'a deflated size that no deflate stream reaches': () =>
    buildZip([{ ...A, deflate: true, central: { size: 0xfffffffe } }]),
  'a deflated entry that unpacks to less': () =>
    buildZip([{ ...A, deflate: true, central: { size: 1001 }, local: { size: 1001 } }]),
  'a deflated entry that unpacks to more': () =>
    buildZip([{ ...A, deflate: true, central: { size: 999 }, local: { size: 999 } }]),
  'a local header with another size': () => buildZip([{ ...A, deflate: true, local: { size: 5 } }]),
  'a local header with another name': () => buildZip([{ ...A, local: { name: 'x' } }]),
  'a local header with another method': () => buildZip([{ ...A, local: { method: 8 } }]),
  'the same, without a checksum': () =>
    buildZip([{ ...A, deflate: true, central: { size: 999, crc: 0 }, local: { size: 999 } }]),
  'bytes that are no deflate stream': () =>
    buildZip([{ ...A, deflate: true, packed: new Uint8Array(1000).fill(0xff) }]),
  'a wrong checksum': () => buildZip([{ ...A, central: { crc: 1234 } }]),
  'a wrong checksum of a deflated entry': () =>
    buildZip([{ ...A, deflate: true, central: { crc: 1234 } }]),
  'two entries at one place': () => buildZip([A, { ...B, central: { offset: 0 } }]),
  'an entry inside another': () => buildZip([A, { ...B, central: { offset: 500 } }]),
  'an entry inside the directory': () => buildZip([A, { ...B, central: { offset: 3100 } }]),
  'an entry after the end': () => buildZip([{ ...A, central: { offset: 0x7fffffff } }]),
  'two entries of one name': () => buildZip([A, { ...B, name: 'a' }]),
  'more entries claimed than there are': () => buildZip([A, B], { count: 3 }),
  'fewer entries claimed than there are': () => buildZip([A, B], { count: 1 }),
  'sixty thousand entries claimed': () => buildZip([A, B], { count: 60000 }),
  'a directory longer than the file': () => buildZip([A, B], { size: 0x7fffffff }),
  'a directory past the end': () => buildZip([A, B], { offset: 0x7ffffff0 }),
  'a zip64 size that is missing': () =>
    buildZip([{ ...A, central: { size: 0xffffffff, packedSize: 0xffffffff } }]),
  'a missing end': () => buildZip([A, B]).slice(0, -1),
  'no content': () => new Uint8Array(0),
};

describe('zip', () => {
  test.each([false, true])('reads entries and ranges of them (deflated: %s)', async (deflate) => {
    const source = memorySource(buildZip([{ name: 'n/a', data: noise, deflate }, A]));
    const entry = (await readZipDirectory(source)).get('n/a') as ZipEntry;
    const reader = new ZipEntryReader(source, entry);
    expect(Buffer.compare(await reader.readAll(noise.length), noise)).toBe(0);
    // Forwards, backwards, empty, the last byte.
    for (const [offset, length] of [
      [10, 20],
      [400_000, 300_001],
      [5, 5],
      [3, 600_000],
      [100, 0],
      [700_000, 1],
    ] as const) {
      const expected = noise.subarray(offset, offset + length);
      expect(Buffer.compare(await readRange(reader, offset, length), expected)).toBe(0);
    }
    // At once: a deflated entry is one stream, which serves one read after another.
    const both = await Promise.all([readRange(reader, 900, 50_000), readRange(reader, 0, 50_000)]);
    expect(Buffer.compare(both[0], noise.subarray(900, 50_900))).toBe(0);
    expect(Buffer.compare(both[1], noise.subarray(0, 50_000))).toBe(0);
    await reader.close();
  });

  test('unpacks an entry from its start again, but not without end', async () => {
    const source = memorySource(buildZip([{ name: 'a', data: noise, deflate: true }]));
    const entry = (await readZipDirectory(source)).get('a') as ZipEntry;
    const reader = new ZipEntryReader(source, entry);
    // 32 MB in all, for all entries of an archive.
    const times = Math.floor((32 << 20) / noise.length);
    for (let i = 0; i <= times; i++) await readRange(reader, 10, 1);
    await expect(readRange(reader, 10, 1)).rejects.toMatchObject({ code: 'unsupported' });
    await reader.close();
  });

  test('local headers may give their sizes in 64 bits, after whatever else', async () => {
    const wide = { size: 0xffffffff, packedSize: 0xffffffff };
    const zip = (size: number) =>
      buildZip([
        {
          ...{ ...A, deflate: true, local: wide },
          localExtra: [
            [0x4246, [1, 2, 3]],
            [1, [size, deflateRawSync(A.data).length]],
          ],
        },
        B,
      ]);
    expect(Buffer.compare(await readEntry(zip(1000), 'a'), A.data)).toBe(0);
    await expect(readEntry(zip(1001), 'a')).rejects.toThrow(
      'the directory says 1000 bytes for a, the entry 1001',
    );
    // The field counts where a size says so, and sizes without the field are what they say.
    const needless = buildZip([{ ...A, localExtra: [[1, [5, 5]]] }]);
    expect(Buffer.compare(await readEntry(needless, 'a'), A.data)).toBe(0);
    const bare = buildZip([{ ...A, local: wide, localExtra: [[2, [1000, 1000]]] }]);
    await expect(readEntry(bare, 'a')).rejects.toThrow('the entry 4294967295');
  });

  test('says how much an entry lacks', async () => {
    const sizes = { size: 1001 };
    const zip = buildZip([{ ...A, deflate: true, central: sizes, local: sizes }]);
    await expect(readEntry(zip, 'a')).rejects.toThrow('entry a unpacks to 1000 bytes, not 1001');
  });

  test('reads an archive of nothing', async () => {
    expect((await readZipDirectory(memorySource(buildZip([])))).size).toBe(0);
  });

  test('reads past a comment that looks like another end', async () => {
    const inner = buildZip([B]);
    const zip = buildZip([A], { comment: concat(inner, Uint8Array.of(0, 0)) });
    expect((await readEntry(zip, 'a')).length).toBe(1000);
  });

  test.each(Object.keys(REFUSED))('refuses %s', async (name) => {
    const read = async (): Promise<void> => {
      const source = memorySource((REFUSED[name] as () => Uint8Array)());
      for (const entry of (await readZipDirectory(source)).values()) {
        await new ZipEntryReader(source, entry).readAll(1e9);
      }
    };
    await expect(read()).rejects.toMatchObject({ name: 'CheckpointError', code: 'corrupt' });
  });

  test.each([
    ['encrypted entries', { flags: 1 }],
    ['other compression methods', { method: 14 }],
  ])('says that %s are unsupported', async (_, central) => {
    const zip = memorySource(buildZip([{ ...A, central }]));
    await expect(readZipDirectory(zip)).rejects.toMatchObject({ code: 'unsupported' });
  });

  test('reads on after a failed read of a deflated entry', async () => {
    const zip = buildZip([{ name: 'a', data: noise, deflate: true }]);
    let broken = true;
    const bytes = memorySource(zip);
    const source: ByteSource = {
      size: bytes.size,
      read: async (offset, length) => {
        if (broken && offset > 100 && offset < zip.length - 1000) {
          throw new CheckpointError('io', 'the line is cut');
        }
        return bytes.read(offset, length);
      },
    };
    broken = false;
    const entry = (await readZipDirectory(source)).get('a') as ZipEntry;
    const reader = new ZipEntryReader(source, entry);
    await readRange(reader, 0, 10);
    broken = true;
    await expect(readRange(reader, 0, noise.length)).rejects.toMatchObject({
      code: 'io',
      message: 'the line is cut',
    });
    broken = false;
    expect(Buffer.compare(await readRange(reader, 0, noise.length), noise)).toBe(0);
  });

  test('refuses a field of 64-bit sizes that is too short for those it is to hold', async () => {
    const entry = concat(buildLocalHeader('a'), Uint8Array.of(7));
    const end = buildZip64End([{ name: 'a', size: 1, offset: 0 }], entry.length);
    const read = async () => (await readZipDirectory(memorySource(concat(entry, end)))).get('a');
    expect(await read()).toMatchObject({ size: 1, headerOffset: 0 });
    new DataView(end.buffer).setUint16(46 + 1 + 2, 8, true);
    await expect(read()).rejects.toMatchObject({ code: 'corrupt' });
    await expect(read()).rejects.toThrow('lacks its 64-bit size');
  });

  test('reads entries beyond 4 GB', async () => {
    // A file of 9 GB, of which only these pieces are not zero.
    const size = 9 * 2 ** 30;
    const offset = 40;
    const directoryAt = offset + 31 + size;
    const marker = Uint8Array.of(1, 2, 3, 4);
    const end = buildZip64End([{ name: 'a', size, offset }], directoryAt);
    const pieces: [number, Uint8Array][] = [
      [offset, buildLocalHeader('a')],
      [offset + 31 + 8 * 2 ** 30, marker],
      [directoryAt, end],
    ];
    const source: ByteSource = {
      size: directoryAt + end.length,
      read: async (at, length) => {
        expect(at + length).toBeLessThanOrEqual(source.size);
        const bytes = new Uint8Array(length);
        for (const [start, piece] of pieces) {
          for (let i = Math.max(0, at - start); i < piece.length && start + i < at + length; i++) {
            bytes[start + i - at] = piece[i] as number;
          }
        }
        return bytes;
      },
    };
    const entry = (await readZipDirectory(source)).get('a') as ZipEntry;
    expect(entry).toMatchObject({ size, packedSize: size, headerOffset: offset });
    const reader = new ZipEntryReader(source, entry);
    expect([...(await readRange(reader, 8 * 2 ** 30 - 1, 6))]).toEqual([0, 1, 2, 3, 4, 0]);
    await expect(readRange(reader, size - 1, 2)).rejects.toMatchObject({ code: 'corrupt' });
  });
});
