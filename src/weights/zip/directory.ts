/**
 * The directory of a zip file, read without trusting it.
 *
 * Libraries were looked at first. `@zip.js/zip.js` 2.24 is careful with hostile files, but adds
 * 168 kB of minified code (encryption, workers, WebAssembly codecs, writing), and like `unzipit` 2.1
 * (13 kB; no check for overlapping entries) it hands out whole entries only: a checkpoint needs
 * ranges inside an entry, because tensors are views of storages. `yauzl` 3.4 is for Node only.
 * What is left to write is small: this directory, and `zip_entry.ts`.
 *
 * Format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT (sections 4.3 and 4.5.3).
 */

import type { ByteSource } from '../bytes/byte_source';
import { CheckpointError } from '../errors';

/** One file of a zip, as the central directory describes it. */
export interface ZipEntry {
  readonly name: string;
  readonly method: 'stored' | 'deflated';
  /** Bytes in the archive. */
  readonly packedSize: number;
  /** Bytes once unpacked. */
  readonly size: number;
  /** CRC-32 of the unpacked bytes; 0 where the writer left it out. */
  readonly crc: number;
  /** Where the local header begins. */
  readonly headerOffset: number;
  /** Where the next entry or the directory begins: nothing of this entry may reach further. */
  readonly limit: number;
}

const END_SIGNATURE = 0x06054b50;
const END_BYTES = 22;
const END64_SIGNATURE = 0x06064b50;
const END64_BYTES = 56;
const LOCATOR64_SIGNATURE = 0x07064b50;
const LOCATOR64_BYTES = 20;
const CENTRAL_SIGNATURE = 0x02014b50;
const CENTRAL_BYTES = 46;
const LOCAL_BYTES = 30;
const MAX_COMMENT = 0xffff;
const IN_ZIP64 = 0xffffffff;

/** RevCol-H with its optimizer has some 5000 entries, half a megabyte of directory. */
const MAX_DIRECTORY_BYTES = 4 << 20;

/** Deflate cannot do better than this: an entry that says so lies about its size. */
const MAX_DEFLATE_RATIO = 1032;

/**
 * Weights hardly compress. Archives that grow more than this are made to use up time and memory,
 * unless they are small anyway.
 */
const MAX_GROWTH = 20;
const SMALL_BYTES = 32 << 20;

/** View of bytes in the zip's byte order. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A 64-bit length or offset; numbers past 2^53 describe no file. */
export function readSize64(view: DataView, offset: number): number {
  const value = view.getBigUint64(offset, true);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw damaged(`it gives a size of ${value} bytes`);
  return Number(value);
}

export function damaged(detail: string): CheckpointError {
  return new CheckpointError('corrupt', `The zip archive is damaged: ${detail}`);
}

/**
 * Reads and checks the central directory: every entry inside the file, none overlapping another, no
 * name twice, sizes that the compression method can have.
 *
 * @throws {CheckpointError} 'corrupt' when that does not hold; 'unsupported' when the archive is
 * encrypted, split or compressed by another method.
 */
export async function readZipDirectory(source: ByteSource): Promise<Map<string, ZipEntry>> {
  const { count, size, offset, end } = await findDirectory(source);
  if (offset + size > end) throw damaged('its directory reaches past its own end');
  if (size > MAX_DIRECTORY_BYTES) {
    throw new CheckpointError('unsupported', `The zip directory has ${size} bytes, over 4 MB`);
  }
  if (count * CENTRAL_BYTES > size) {
    throw damaged(`it claims ${count} entries in a directory of ${size} bytes`);
  }
  const bytes = await source.read(offset, size);
  const entries: ZipEntry[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    const [entry, next] = readCentralEntry(bytes, at);
    entries.push(entry);
    at = next;
  }
  refuseBombs(entries);
  if (at !== size) throw damaged(`its directory has ${size} bytes, its ${count} entries ${at}`);
  return placeEntries(entries, offset);
}

function refuseBombs(entries: readonly ZipEntry[]): void {
  const deflated = entries.filter((entry) => entry.method === 'deflated');
  const packed = deflated.reduce((sum, entry) => sum + entry.packedSize, 0);
  const size = deflated.reduce((sum, entry) => sum + entry.size, 0);
  if (size > SMALL_BYTES && size > packed * MAX_GROWTH) {
    throw new CheckpointError(
      'unsupported',
      `The zip archive unpacks from ${packed} to ${size} bytes; no weights compress so well`,
    );
  }
}

/** Sets every entry's limit, refusing overlaps, and files the entries by name. */
function placeEntries(entries: ZipEntry[], directoryOffset: number): Map<string, ZipEntry> {
  const inOrder = [...entries].sort((a, b) => a.headerOffset - b.headerOffset);
  const byName = new Map<string, ZipEntry>();
  inOrder.forEach((entry, i) => {
    const limit = inOrder[i + 1]?.headerOffset ?? directoryOffset;
    // Names are at least as long in bytes as in characters.
    if (entry.headerOffset + LOCAL_BYTES + entry.name.length + entry.packedSize > limit) {
      throw damaged(`entry ${entry.name} overlaps what follows it at byte ${limit}`);
    }
    if (byName.has(entry.name)) throw damaged(`it holds ${entry.name} twice`);
    byName.set(entry.name, { ...entry, limit });
  });
  return byName;
}

/** Finds where the central directory is: from the record at the end of the file. */
async function findDirectory(source: ByteSource) {
  const tailSize = Math.min(source.size, END_BYTES + MAX_COMMENT + LOCATOR64_BYTES);
  const tailStart = source.size - tailSize;
  const view = viewOf(await source.read(tailStart, tailSize));
  let at = tailSize - END_BYTES;
  // The record is told from a look-alike by its comment, which must end with the file.
  while (
    at >= 0 &&
    (view.getUint32(at, true) !== END_SIGNATURE ||
      at + END_BYTES + view.getUint16(at + 20, true) !== tailSize)
  ) {
    at--;
  }
  if (at < 0) throw damaged('its end is missing; the file is probably cut short');
  const end = tailStart + at;
  const disk = view.getUint16(at + 4, true);
  let count = view.getUint16(at + 10, true);
  let size = view.getUint32(at + 12, true);
  let offset = view.getUint32(at + 16, true);
  const locatorAt = at - LOCATOR64_BYTES;
  if (locatorAt >= 0 && view.getUint32(locatorAt, true) === LOCATOR64_SIGNATURE) {
    const recordAt = readSize64(view, locatorAt + 8);
    if (recordAt + END64_BYTES > tailStart + locatorAt)
      throw damaged('its zip64 record is missing');
    const record = viewOf(await source.read(recordAt, END64_BYTES));
    if (record.getUint32(0, true) !== END64_SIGNATURE) throw damaged('its zip64 record is missing');
    count = readSize64(record, 32);
    size = readSize64(record, 40);
    offset = readSize64(record, 48);
    return { count, size, offset, end: recordAt };
  }
  if (disk !== 0) throw new CheckpointError('unsupported', 'Split zip archives cannot be read');
  return { count, size, offset, end };
}

function readCentralEntry(bytes: Uint8Array, at: number): [ZipEntry, next: number] {
  const view = viewOf(bytes);
  if (at + CENTRAL_BYTES > bytes.byteLength || view.getUint32(at, true) !== CENTRAL_SIGNATURE) {
    throw damaged(`its directory has no entry at byte ${at}`);
  }
  const nameBytes = view.getUint16(at + 28, true);
  const extraBytes = view.getUint16(at + 30, true);
  const extraAt = at + CENTRAL_BYTES + nameBytes;
  const next = extraAt + extraBytes + view.getUint16(at + 32, true);
  if (next > bytes.byteLength) throw damaged('its directory is cut short');
  const name = new TextDecoder().decode(bytes.subarray(at + CENTRAL_BYTES, extraAt));
  if (view.getUint16(at + 8, true) & 1) {
    throw new CheckpointError('unsupported', `Zip entry ${name} is encrypted`);
  }
  const sizes = {
    size: view.getUint32(at + 24, true),
    packedSize: view.getUint32(at + 20, true),
    headerOffset: view.getUint32(at + 42, true),
  };
  widenToZip64(view, extraAt, extraAt + extraBytes, sizes);
  const methodCode = view.getUint16(at + 10, true);
  const method = methodCode === 0 ? 'stored' : 'deflated';
  if (methodCode !== 0 && methodCode !== 8) {
    throw new CheckpointError(
      'unsupported',
      `Zip entry ${name} uses compression method ${methodCode}; only stored (0) and deflated (8) ` +
        `entries can be read`,
    );
  }
  const { size, packedSize } = sizes;
  const lies =
    method === 'stored' ? size !== packedSize : size > (packedSize + 1) * MAX_DEFLATE_RATIO;
  if (lies) throw damaged(`entry ${name} claims ${size} bytes out of ${packedSize} ${method} ones`);
  return [{ name, method, crc: view.getUint32(at + 16, true), limit: 0, ...sizes }, next];
}

/** Replaces the sizes that say "see the zip64 extra field" by what is there. */
function widenToZip64(
  view: DataView,
  start: number,
  end: number,
  sizes: { size: number; packedSize: number; headerOffset: number },
): void {
  const wide = (['size', 'packedSize', 'headerOffset'] as const).filter(
    (key) => sizes[key] === IN_ZIP64,
  );
  if (wide.length === 0) return;
  for (let at = start; at + 4 <= end;) {
    const fieldEnd = at + 4 + view.getUint16(at + 2, true);
    if (fieldEnd > end) break;
    if (view.getUint16(at, true) === 1 && at + 4 + 8 * wide.length <= fieldEnd) {
      wide.forEach((key, i) => (sizes[key] = readSize64(view, at + 4 + 8 * i)));
      return;
    }
    at = fieldEnd;
  }
  throw damaged('an entry of 4 GB or more lacks its 64-bit size');
}
