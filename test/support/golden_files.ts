/** Reads the golden tensors (see CONTRIBUTING.md, "Goldens"). Needs no test runner. */
import * as fs from 'node:fs';
import * as path from 'node:path';

/** Folder of the goldens: `REVCOL_GOLDENS`, else `shared/goldens` beside the checkout. */
export const GOLDENS_DIR =
  process.env.REVCOL_GOLDENS ?? path.resolve(import.meta.dirname, '../../../shared/goldens');

export const HAVE_GOLDENS = fs.existsSync(path.join(GOLDENS_DIR, 'README.md'));

export interface GoldenTensor {
  shape: number[];
  data: Float32Array | Int32Array;
}

export interface Golden {
  tensors: Map<string, GoldenTensor>;
  metadata: Record<string, string>;
}

/**
 * Reads one safetensors file, of the goldens or at an absolute path; int64 and uint8 tensors come
 * back as int32.
 */
export function readGolden(file: string): Golden {
  const bytes = fs.readFileSync(path.resolve(GOLDENS_DIR, file));
  const prefix = new DataView(bytes.buffer, bytes.byteOffset, 8);
  const headerLength = Number(prefix.getBigUint64(0, true));
  const text = new TextDecoder().decode(bytes.subarray(8, 8 + headerLength));
  const header = JSON.parse(text) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const tensors = new Map<string, GoldenTensor>();
  const { __metadata__, ...entries } = header;
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(entries)) {
    const [start, end] = data_offsets.map((o) => o + 8 + headerLength) as [number, number];
    const raw = bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + end);
    if (dtype === 'F32') tensors.set(name, { shape, data: new Float32Array(raw) });
    else if (dtype === 'I64')
      tensors.set(name, { shape, data: Int32Array.from(new BigInt64Array(raw), Number) });
    else if (dtype === 'U8')
      tensors.set(name, { shape, data: Int32Array.from(new Uint8Array(raw)) });
    else throw new Error(`readGolden: ${file} holds ${name} as ${dtype}; expected F32, I64 or U8`);
  }
  return { tensors, metadata: (__metadata__ ?? {}) as unknown as Record<string, string> };
}

export function readGoldenJson(file: string): unknown {
  return JSON.parse(fs.readFileSync(path.join(GOLDENS_DIR, file), 'utf8'));
}
