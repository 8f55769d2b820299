/** The decoders that are WebAssembly, compiled once, run in an instance of their own for each image. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

import type { PixelImage } from '../preprocessing/image';

/** What the codecs of libsquoosh give. */
interface Decoder {
  /** That of JPEG also wants to know whether to apply the orientation tag (EXIF). */
  decode(bytes: ArrayBuffer, ...more: readonly boolean[]): PixelImage | null;
}

/** A codec's factory; its own types name a namespace that its package does not bring into scope. */
type CreateDecoder = (settings: object) => Promise<Decoder>;

interface Codec {
  create: CreateDecoder;
  compiled: WebAssembly.Module;
}

interface Code {
  default: unknown;
}

/**
 * Decodes with mozjpeg, whose decoder is that of libjpeg-turbo, as Pillow's: other decoders round, and
 * double halved chroma, in other ways, and the pixels differ by up to 13 of 255.
 *
 * @throws {Error} when the data are damaged, or some are missing
 */
export const decodeWithMozjpeg = decoderOf(
  () => import('@jsquash/jpeg/codec/dec/mozjpeg_dec.js'),
  () => import('@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm'),
  '@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm',
  false,
);

/**
 * Decodes with libwebp, as Pillow does.
 *
 * @throws {Error} when the data are damaged, or some are missing
 */
export const decodeWithLibwebp = decoderOf(
  () => import('@jsquash/webp/codec/dec/webp_dec.js'),
  () => import('@jsquash/webp/codec/dec/webp_dec.wasm'),
  '@jsquash/webp/codec/dec/webp_dec.wasm',
);

/** Loads, and compiles, at the first call. */
function decoderOf(
  code: () => Promise<Code>,
  wasm: () => Promise<Code>,
  file: string,
  ...more: readonly boolean[]
): (bytes: Uint8Array) => Promise<PixelImage> {
  let codec: Promise<Codec> | undefined;
  const load = async (): Promise<Codec> => {
    const [{ default: create }, bytes] = await Promise.all([code(), wasmBytes(wasm, file)]);
    return { create: create as CreateDecoder, compiled: await WebAssembly.compile(bytes) };
  };
  return async (bytes) => decodeOnce(await (codec ??= load()), bytes, more);
}

/** The build has put them into the bundle; run from source, Node finds the file. */
async function wasmBytes(
  wasm: () => Promise<Code>,
  file: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const bundled = await wasm().catch(() => undefined);
  if (bundled?.default) return bundled.default as Uint8Array<ArrayBuffer>;
  return Uint8Array.from(await readFile(createRequire(import.meta.url).resolve(file)));
}

/**
 * Not through the package's own door, which keeps one decoder for all: each image gets its own, so
 * that complaints go with the image, and what a failure leaves behind ends with it.
 */
async function decodeOnce(
  { create, compiled }: Codec,
  bytes: Uint8Array,
  more: readonly boolean[],
): Promise<PixelImage> {
  const complaints: string[] = [];
  // What is missing from a cut file a decoder would paint grey, with no more than a complaint.
  const fail = (cause?: unknown) => new Error(complaints.join('; ') || 'damaged', { cause });
  try {
    const decoder = await create({
      noInitialRun: true,
      printErr: (text: string) => void complaints.push(text),
      instantiateWasm: (
        imports: WebAssembly.Imports,
        receive: (instance: WebAssembly.Instance) => void,
      ) => {
        const instance = new WebAssembly.Instance(compiled, imports);
        receive(instance);
        return instance.exports;
      },
    });
    const image = decoder.decode(Uint8Array.from(bytes).buffer, ...more);
    if (!image || complaints.length > 0) throw fail();
    return { width: image.width, height: image.height, data: image.data };
  } catch (error) {
    throw fail(error);
  }
}
