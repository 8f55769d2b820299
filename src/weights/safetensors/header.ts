/**
 * The safetensors format: eight bytes of header length, a JSON header, and the tensors' bytes.
 *
 * `@huggingface/hub` can parse such headers, from its own URLs only; no library on npm writes the
 * format or checks offsets. Rules: https://huggingface.co/docs/safetensors and `Metadata::validate`
 * of its Rust implementation: tensors fill the buffer from its first byte to its last, without
 * gap or overlap.
 */

import { messageOf } from '../../common/messages';
import { itemBytes, type TensorDType, type UnknownDType } from '../dtypes';
import { CheckpointError } from '../errors';

/** Bytes of the length that precedes the header. */
export const LENGTH_BYTES = 8;

/**
 * Longest header read. The format allows 100 MB, which is out of proportion: RevCol-H's has 0.2 MB,
 * and whatever JSON 8 MB hold stays within a small memory.
 */
export const MAX_HEADER_BYTES = 8 << 20;

/** Brackets and commas in a header: each costs memory once parsed. A tensor needs about ten. */
const MAX_PUNCTUATION = 1 << 19;

/** RevCol-H has 1175 tensors with intermediate supervision. */
export const MAX_TENSORS = 1 << 14;

/** One tensor in a header; offsets count from the end of the header. */
export interface HeaderEntry {
  /** Of a type that is not known here the file's own name. */
  readonly dtype: TensorDType | UnknownDType;
  readonly shape: number[];
  readonly start: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  /** In the order of the bytes. */
  readonly entries: ReadonlyMap<string, HeaderEntry>;
  readonly metadata: ReadonlyMap<string, string>;
}

const DTYPES: Readonly<Record<string, TensorDType>> = {
  F64: 'float64',
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
  I64: 'int64',
  I32: 'int32',
  I16: 'int16',
  I8: 'int8',
  U64: 'uint64',
  U32: 'uint32',
  U16: 'uint16',
  U8: 'uint8',
  BOOL: 'bool',
  C64: 'complex64',
  F8_E4M3: 'float8_e4m3fn',
  F8_E5M2: 'float8_e5m2',
  F8_E8M0: 'float8_e8m0fnu',
  F8_E4M3FNUZ: 'float8_e4m3fnuz',
  F8_E5M2FNUZ: 'float8_e5m2fnuz',
};

/** Bits of one element of types that are packed, and known by size alone. */
const PACKED_BITS: Readonly<Record<string, number>> = { F4: 4, F6_E2M3: 6, F6_E3M2: 6 };

function bad(detail: string): CheckpointError {
  return new CheckpointError('corrupt', `The safetensors file is damaged: ${detail}`);
}

/** Length of the header, from the file's first eight bytes. */
export function headerLength(bytes: Uint8Array, fileSize: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, LENGTH_BYTES);
  const length = Number(view.getBigUint64(0, true));
  if (length > fileSize - LENGTH_BYTES) {
    throw bad(`its header claims ${length} bytes of a file of ${fileSize}`);
  }
  if (length > MAX_HEADER_BYTES) {
    throw new CheckpointError(
      'unsupported',
      `The safetensors header has ${length} bytes; at most ${MAX_HEADER_BYTES} are read`,
    );
  }
  return length;
}

/**
 * Parses and checks a header.
 *
 * @param bufferSize bytes that follow the header.
 * @throws {CheckpointError} 'corrupt' when it breaks a rule of the format; 'unsupported' when it lists
 * more tensors than are read.
 */
export function parseHeader(bytes: Uint8Array, bufferSize: number): SafetensorsHeader {
  const json = parseJson(bytes);
  const count = Object.keys(json).length;
  if (count > MAX_TENSORS) {
    throw new CheckpointError(
      'unsupported',
      `The safetensors file holds ${count} tensors; at most ${MAX_TENSORS} are read`,
    );
  }
  const metadata = new Map<string, string>();
  const entries: [string, HeaderEntry][] = [];
  for (const [name, value] of Object.entries(json)) {
    if (!isRecord(value)) throw bad(`its header says nothing of ${shorten(name)}`);
    if (name !== '__metadata__') entries.push([name, readEntry(name, value)]);
    else {
      for (const [key, text] of Object.entries(value)) {
        if (typeof text !== 'string') throw bad(`its metadata ${shorten(key)} is not a string`);
        metadata.set(key, text);
      }
    }
  }
  entries.sort(([, a], [, b]) => a.start - b.start || a.end - b.end);
  let at = 0;
  for (const [name, { start, end }] of entries) {
    if (start !== at) {
      throw bad(`tensor ${shorten(name)} begins at ${start}, the one before it ends at ${at}`);
    }
    at = end;
  }
  if (at !== bufferSize) throw bad(`its tensors take ${at} bytes, the file has ${bufferSize}`);
  return { entries: new Map(entries), metadata };
}

function readEntry(name: string, value: Record<string, unknown>): HeaderEntry {
  const { dtype: code, shape, data_offsets: offsets } = value;
  if (typeof code !== 'string' || !isCounts(shape) || !isCounts(offsets) || offsets.length !== 2) {
    throw bad(`tensor ${shorten(name)} lacks dtype, shape or data_offsets`);
  }
  const [start, end] = offsets as [number, number];
  const dtype = Object.hasOwn(DTYPES, code) ? DTYPES[code] : undefined;
  const bits = dtype === undefined ? packedBits(code) : 8 * itemBytes(dtype);
  const bytes = shape.reduce((product, size) => product * size, (bits ?? 0) / 8);
  if (end < start || (bits !== undefined && end - start !== bytes)) {
    throw bad(`tensor ${shorten(name)} has ${end - start} bytes, its shape needs ${bytes}`);
  }
  return { dtype: dtype ?? shorten(code), shape, start, end };
}

function packedBits(code: string): number | undefined {
  return Object.hasOwn(PACKED_BITS, code) ? PACKED_BITS[code] : undefined;
}

function parseJson(bytes: Uint8Array): Record<string, unknown> {
  let punctuation = 0;
  for (const byte of bytes) if (byte === 0x2c || byte === 0x5b || byte === 0x7b) punctuation++;
  if (bytes[0] !== 0x7b || punctuation > MAX_PUNCTUATION)
    throw bad('its header does not describe tensors');
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    const json: unknown = JSON.parse(text);
    if (isRecord(json)) return json;
  } catch (error) {
    throw bad(`its header does not parse: ${messageOf(error).slice(0, 200)}`);
  }
  throw bad('its header does not describe tensors');
}

/** Whether JSON is an object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}

function shorten(name: string): string {
  return name.length > 200 ? `${name.slice(0, 200)}...` : name;
}
