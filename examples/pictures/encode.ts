/** Grey pixels to picture files. */
import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import encodeWithMozjpeg, { init } from '@jsquash/jpeg/encode.js';
import { PNG } from 'pngjs';

/** RGBA of grey pixels. */
function rgba(grey: Uint8Array): Uint8ClampedArray<ArrayBuffer> {
  const data = new Uint8ClampedArray(4 * grey.length);
  grey.forEach((value, i) => data.set([value, value, value, 255], 4 * i));
  return data;
}

export function encodePng(grey: Uint8Array, width: number, height: number): Buffer {
  const png = new PNG({ width, height });
  png.data.set(rgba(grey));
  return PNG.sync.write(png, { colorType: 0 });
}

let ready: Promise<void> | undefined;

/** The encoder looks for its code by `fetch`, which knows no files. */
async function start(): Promise<void> {
  const file = createRequire(import.meta.url).resolve('@jsquash/jpeg/codec/enc/mozjpeg_enc.wasm');
  await init(await WebAssembly.compile(fs.readFileSync(file)));
}

export async function encodeJpeg(
  grey: Uint8Array,
  width: number,
  height: number,
  quality = 95,
): Promise<Buffer> {
  await (ready ??= start());
  const image = { data: rgba(grey), width, height, colorSpace: 'srgb' as const };
  return Buffer.from(await encodeWithMozjpeg(image as ImageData, { quality }));
}
