/** Files that people give in place of a checkpoint, recognised by how they begin. */

const BYTE_ORDER_MARK = 'ï»¿';

/** What the file is and what to do, by its first bytes in hexadecimal digits. */
const KNOWN: readonly (readonly [start: RegExp, is: string])[] = [
  [
    /^894844460d0a1a0a/,
    'an HDF5 file, as Keras writes; load it in Python and save its weights as safetensors',
  ],
  [/^1f8b/, 'compressed with gzip; unpack it first (gunzip, or tar -xzf where it is an archive)'],
  [/^425a683[1-9]314159/, 'compressed with bzip2; unpack it first'],
  [/^fd377a585a00/, 'compressed with xz; unpack it first'],
  [/^28b52ffd/, 'compressed with zstd; unpack it first'],
  [/^377abcaf271c/, 'a 7z archive; unpack it first'],
  [/^526172211a07/, 'a RAR archive; unpack it first'],
  [/^504b0506/, 'an empty zip archive'],
  [/^.{8}54464c33/, 'a TensorFlow Lite model'],
  [/^080112/, 'a TensorFlow SavedModel; export its weights as safetensors'],
  // ModelProto: ir_version, then the producer's name or version, a graph, operators, ...
  [
    /^08(0[2-9a-f]|[1-3].)(12[0-3]|1a|22|28|32|3a|42)/,
    'an ONNX model; give the state dict that it was exported from',
  ],
  [/^47475546/, 'a GGUF file'],
  [/^934e554d5059/, 'a NumPy array'],
  [/^89504e470d0a1a0a/, 'a PNG image'],
  [/^ffd8ff/, 'a JPEG image'],
  [/^255044462d/, 'a PDF document'],
];

const LFS = 'a Git LFS pointer; run git lfs pull to get the file';
const WEB_PAGE = 'a web page (HTML); check that the address is that of the file itself';

const TAR =
  'a tar archive, as PyTorch wrote before 0.2; load it there and save it again: ' +
  'torch.save(..., _use_new_zipfile_serialization=True). Other archives are to be unpacked first';

/**
 * Says what a file is that is no checkpoint.
 *
 * @param head its first 512 bytes, or all that there are
 * @returns such as `a web page; ...`, undefined where it is not known
 */
export function recognise(head: Uint8Array): string | undefined {
  if (head.length === 0) return 'empty';
  const digits = Array.from(head.subarray(0, 16), (byte) => byte.toString(16).padStart(2, '0'));
  const known = KNOWN.find(([start]) => start.test(digits.join('')));
  if (known) return known[1];
  const text = latin1(head);
  if (/^version https:\/\/(git-lfs|hawser)\./.test(text)) return LFS;
  if (text.slice(257, 262) === 'ustar') return TAR;
  const written = (text.startsWith(BYTE_ORDER_MARK) ? text.slice(3) : text).trimStart();
  if (written.startsWith('<')) return markup(written);
  if (/^[{[]\s*["{[\]}\d]/.test(written)) return json(written);
  return undefined;
}

/** HTML or XML, whose declarations and comments may come before the element that tells. */
function markup(text: string): string | undefined {
  const inner = text.replace(/^(\s*<(\?[^>]*\?|!--[^]*?--)>)*\s*/, '');
  if (/^<(!doctype\s+html|html|head|body|script|meta|title)\b/i.test(inner)) return WEB_PAGE;
  const isXml = text.startsWith('<?xml') || /^<(!doctype|[a-z_])/i.test(inner);
  if (!isXml) return undefined;
  // What object stores answer in place of a file.
  const code = /<Code>([A-Za-z]{1,40})<\/Code>/.exec(inner)?.[1];
  return (
    `an XML document${code ? ` that says ${code}` : ''}; check that the address is that of ` +
    'the file itself and that it may be read'
  );
}

function json(text: string): string {
  if (/"(modelTopology|weightsManifest)"/.test(text)) {
    return 'the model.json of a tfjs model; load it with tf.loadLayersModel';
  }
  return 'JSON text, with no list of shards (weight_map); check that it is the file itself';
}

/** TextDecoder's `latin1` is another encoding, which moves the signs from 0x80 to 0x9f. */
function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

/** Says what a zip archive is that is no checkpoint, by the names in it. */
export function recogniseZip(names: Iterable<string>): string | undefined {
  for (const [is, pattern] of ZIP_CONTENTS) {
    for (const name of names) if (pattern.test(name)) return is;
  }
  return undefined;
}

const ZIP_CONTENTS: readonly (readonly [is: string, name: RegExp])[] = [
  [
    'a TorchScript program (torch.jit.save); load it with torch.jit.load and save its state_dict()',
    /^([^/]+\/)?(constants\.pkl|code\/)/,
  ],
  [
    'a program of torch.export; load it with torch.export.load and save its state_dict',
    /^([^/]+\/)?(archive_format$|serialized_exported_program\.json$)/,
  ],
  [
    'a Keras model; load it in Python and save its weights as safetensors',
    /^([^/]+\/)?model\.weights\.h5$/,
  ],
  ['a NumPy archive (npz)', /^[^/]+\.npy$/],
  [
    'an archive with a checkpoint inside; unpack it first',
    /\.(pth?|ckpt|bin|safetensors|tar|h5|onnx)$/i,
  ],
];
