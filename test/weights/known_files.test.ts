/** Files that are no checkpoints are called by their names. */
import { openCheckpoint } from '../../src/weights/open_checkpoint';
import { buildZip } from './support/build_zip';

const ascii = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));
const zipOf = (...names: string[]): Uint8Array =>
  buildZip(names.map((name) => ({ name, data: ascii('x') })));

test.each<[string, Uint8Array, string]>([
  ['TorchScript', zipOf('m/data.pkl', 'm/code/__torch__.py', 'm/constants.pkl'), 'a TorchScript'],
  ['torch.export', zipOf('e/archive_format', 'e/models/model.json'), 'a program of torch.export'],
  ['Keras 3', zipOf('metadata.json', 'config.json', 'model.weights.h5'), 'a Keras model'],
  ['npz', zipOf('a.npy', 'b.npy'), 'a NumPy archive'],
  ['a zip of a checkpoint', zipOf('weights/best.pth'), 'an archive with a checkpoint inside'],
  ['another zip', zipOf('a.txt'), 'has 0 entries named data.pkl'],
  ['HDF5', ascii('\x89HDF\r\n\x1a\n\0\0\0\0\0\x08\x08\0'), 'an HDF5 file'],
  ['ONNX of PyTorch', ascii('\x08\x08\x12\x07pytorch\x1a\x05'), 'an ONNX model'],
  ['ONNX without a producer', ascii('\x08\x0a:\xf0\x01\x0a'), 'an ONNX model'],
  ['SavedModel', ascii('\x08\x01\x12\xd9\x8f\x01'), 'a TensorFlow SavedModel'],
  ['TFLite', ascii('\x1c\0\0\0TFL3'), 'a TensorFlow Lite model'],
  ['gzip', ascii('\x1f\x8b\x08\0\0\0\0\0\0\x03'), 'compressed with gzip'],
  ['bzip2', ascii('BZh91AY&SY'), 'compressed with bzip2'],
  ['xz', ascii('\xfd7zXZ\0'), 'compressed with xz'],
  ['zstd', ascii('\x28\xb5\x2f\xfd'), 'compressed with zstd'],
  ['an LFS pointer', ascii('version https://git-lfs.github.com/spec/v1\noid'), 'a Git LFS pointer'],
  ['HTML', ascii('\n <!DOCTYPE html>\n<html>'), 'a web page'],
  ['HTML with a comment', ascii('<!-- saved --> <html lang="en">'), 'a web page'],
  ['HTML whose 9th letter is a brace', ascii('<script>{"a":1}</script>'), 'a web page'],
  ['HTML after a byte order mark', ascii('\xef\xbb\xbf<html>'), 'a web page'],
  ['XHTML', ascii('<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC "a">'), 'a web page'],
  [
    'an answer of an object store',
    ascii('<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code></Error>'),
    'an XML document that says AccessDenied',
  ],
  ['another XML', ascii('<svg xmlns="http://www.w3.org/2000/svg"/>'), 'an XML document; check'],
  ['JSON', ascii('{"error":"Repository not found"}'), 'JSON text'],
  ['JSON of a list', ascii('[{"a": 1}]'), 'JSON text'],
  ['model.json', ascii('{"format":"layers-model","modelTopology":{}}'), 'tf.loadLayersModel'],
  ['GGUF', ascii('GGUF\x03\0\0\0'), 'a GGUF file'],
  [
    'tar',
    ascii(`model${'\0'.repeat(252)}ustar\0`),
    'a tar archive, as PyTorch wrote before 0.2; load it there and save it again: torch.save(..., _use_new',
  ],
  ['nothing', new Uint8Array(0), 'it is empty'],
])('%s', async (_, bytes, what) => {
  const opening = openCheckpoint(bytes);
  await expect(opening).rejects.toMatchObject({ name: 'CheckpointError', code: 'format' });
  await expect(opening).rejects.toThrow(what);
});

test('files are called by their names', async () => {
  const file = new File([zipOf('a.npy') as Uint8Array<ArrayBuffer>], 'weights.npz');
  await expect(openCheckpoint(file)).rejects.toThrow(
    'weights.npz is not a PyTorch checkpoint: it is a NumPy archive',
  );
});

test('what is not known is not guessed at', async () => {
  for (const text of ['\x01\x02\x03\x04 and so on', '<3 weights', '{weights}', '[weights]']) {
    const opening = openCheckpoint(ascii(text));
    await expect(opening).rejects.toThrow(/neither a PyTorch nor a safetensors checkpoint$/);
  }
});
