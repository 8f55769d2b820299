/** Zip files made by hand, so that they can lie. */
import { deflateRawSync } from 'node:zlib';

import { crc32 } from '../../../src/weights/zip/crc32';
import { concat } from './mutate';

/** One entry; what is given beside name and data overrides the truth. */
export interface EntryToBuild {
  name: string;
  data: Uint8Array;
  deflate?: boolean;
  /** In the central directory. */
  central?: Partial<Fields>;
  /** In the local header. */
  local?: Partial<Fields>;
  /** Extra fields of the local header, by their numbers; sizes in it are of 64 bits. */
  localExtra?: readonly (readonly [id: number, sizes: readonly number[]])[];
  /** Bytes in place of `data`'s own, packed ones. */
  packed?: Uint8Array;
}

interface Fields {
  flags: number;
  method: number;
  crc: number;
  packedSize: number;
  size: number;
  offset: number;
  name: string;
}

/** What the record at the end says. */
export interface EndToBuild {
  count?: number;
  size?: number;
  offset?: number;
  comment?: Uint8Array;
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

function record(
  fields: readonly (readonly [bytes: 2 | 4 | 8, value: number | bigint])[],
): Uint8Array {
  const bytes = new Uint8Array(fields.reduce((sum, [width]) => sum + width, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [width, value] of fields) {
    if (width === 2) view.setUint16(at, Number(value), true);
    else if (width === 4) view.setUint32(at, Number(value), true);
    else view.setBigUint64(at, BigInt(value), true);
    at += width;
  }
  return bytes;
}

/** A whole archive. */
export function buildZip(
  entries: readonly EntryToBuild[],
  end: EndToBuild = {},
): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let at = 0;
  for (const entry of entries) {
    const packed = entry.packed ?? (entry.deflate ? deflateRawSync(entry.data) : entry.data);
    const truth: Fields = {
      flags: 0,
      method: entry.deflate ? 8 : 0,
      crc: crc32(entry.data),
      packedSize: packed.length,
      size: entry.data.length,
      offset: at,
      name: entry.name,
    };
    const local = { ...truth, ...entry.local };
    const central = { ...truth, ...entry.central };
    const extra = concat(
      ...(entry.localExtra ?? []).map(([id, sizes]) =>
        record([[2, id], [2, 8 * sizes.length], ...sizes.map((size) => [8, size] as const)]),
      ),
    );
    const header = concat(
      record([
        [4, 0x04034b50],
        [2, 20],
        [2, local.flags],
        [2, local.method],
        [4, 0],
        [4, local.crc],
        [4, local.packedSize],
        [4, local.size],
        [2, text(local.name).length],
        [2, extra.length],
      ]),
      text(local.name),
      extra,
      packed,
    );
    directory.push(
      record([
        [4, 0x02014b50],
        [2, 20],
        [2, 20],
        [2, central.flags],
        [2, central.method],
        [4, 0],
        [4, central.crc],
        [4, central.packedSize],
        [4, central.size],
        [2, text(central.name).length],
        [2, 0],
        [2, 0],
        [2, 0],
        [2, 0],
        [4, 0],
        [4, central.offset],
      ]),
      text(central.name),
    );
    parts.push(header);
    at += header.length;
  }
  const list = concat(...directory);
  const comment = end.comment ?? new Uint8Array(0);
  const tail = record([
    [4, 0x06054b50],
    [2, 0],
    [2, 0],
    [2, end.count ?? entries.length],
    [2, end.count ?? entries.length],
    [4, end.size ?? list.length],
    [4, end.offset ?? at],
    [2, comment.length],
  ]);
  return concat(...parts, list, tail, comment);
}

/**
 * The end of an archive beyond 4 GB: directory, zip64 record, locator and end record, to be put at
 * `directoryOffset` behind entries whose local headers are at `offset`.
 */
export function buildZip64End(
  entries: readonly { name: string; size: number; offset: number }[],
  directoryOffset: number,
): Uint8Array<ArrayBuffer> {
  const directory = concat(
    ...entries.flatMap(({ name, size, offset }) => [
      record([
        [4, 0x02014b50],
        [2, 45],
        [2, 45],
        [2, 8],
        [2, 0],
        [4, 0],
        [4, 0],
        [4, 0xffffffff],
        [4, 0xffffffff],
        [2, text(name).length],
        [2, 28],
        [2, 0],
        [2, 0],
        [2, 0],
        [4, 0],
        [4, 0xffffffff],
      ]),
      text(name),
      record([
        [2, 1],
        [2, 24],
        [8, size],
        [8, size],
        [8, offset],
      ]),
    ]),
  );
  return concat(
    directory,
    record([
      [4, 0x06064b50],
      [8, 44],
      [2, 45],
      [2, 45],
      [4, 0],
      [4, 0],
      [8, entries.length],
      [8, entries.length],
      [8, directory.length],
      [8, directoryOffset],
      [4, 0x07064b50],
      [4, 0],
      [8, directoryOffset + directory.length],
      [4, 1],
      [4, 0x06054b50],
      [2, 0],
      [2, 0],
      [2, 0xffff],
      [2, 0xffff],
      [4, 0xffffffff],
      [4, 0xffffffff],
      [2, 0],
    ]),
  );
}

/** A local header with sizes left to the directory, as `torch.save` writes it. */
export function buildLocalHeader(name: string): Uint8Array<ArrayBuffer> {
  return concat(
    record([
      [4, 0x04034b50],
      [2, 45],
      [2, 8],
      [2, 0],
      [4, 0],
      [4, 0],
      [4, 0],
      [4, 0],
      [2, text(name).length],
      [2, 0],
    ]),
    text(name),
  );
}
