/** CRC-32 as zip files use it (polynomial 0xEDB88320). Node 20's zlib has none, browsers neither. */

/** Eight tables of 256, one behind the other: eight bytes are taken at once (slicing-by-8). */
const TABLES = makeTables();

function makeTables(): Int32Array {
  const tables = new Int32Array(8 * 256);
  for (let n = 0; n < 256; n++) {
    let c = n;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
    tables[n] = c;
  }
  for (let n = 256; n < tables.length; n++) {
    const before = tables[n - 256] as number;
    tables[n] = (before >>> 8) ^ (tables[before & 0xff] as number);
  }
  return tables;
}

/** What `byte`, `distance` bytes before the end of the eight, adds to the checksum. */
function lookup(distance: number, byte: number): number {
  return TABLES[distance * 256 + (byte & 0xff)] as number;
}

/**
 * The CRC-32 of `bytes`, or of everything so far when `previous` is the CRC of what came before.
 * An unsigned 32-bit number.
 */
export function crc32(bytes: Uint8Array, previous = 0): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let c = ~previous;
  let i = 0;
  for (; i + 8 <= bytes.length; i += 8) {
    const low = c ^ view.getInt32(i, true);
    const high = view.getInt32(i + 4, true);
    c =
      lookup(7, low) ^
      lookup(6, low >>> 8) ^
      lookup(5, low >>> 16) ^
      lookup(4, low >>> 24) ^
      lookup(3, high) ^
      lookup(2, high >>> 8) ^
      lookup(1, high >>> 16) ^
      lookup(0, high >>> 24);
  }
  for (; i < bytes.length; i++) c = (c >>> 8) ^ lookup(0, c ^ view.getUint8(i));
  return ~c >>> 0;
}
