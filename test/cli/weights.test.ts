/** What the command line does with weights, end to end: convert, load in tfjs, classify. */
import 'tfjs-revcol/node';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import { createModel } from '../../src/models/create_model';
import { preprocess } from '../../src/preprocessing/preprocess';
import { IMAGENET_CLASSES } from '../../src/registry/imagenet_classes';
import { loadCheckpoint } from '../../src/weights/load_checkpoint';
import { saveCheckpoint } from '../../src/weights/save_checkpoint';
import images from '../pictures/images.json';
import { expectClose, expectNoLeak, relativeError } from '../support/backends';
import { describeGoldens, GOLDENS_DIR, readGolden } from '../support/goldens';
import { cli, cliAssuming, cliError, cliOut } from './run';

const golden = (file: string) => path.join(GOLDENS_DIR, file);

let folder: string;
const at = (name: string) => path.join(folder, name);

beforeAll(async () => {
  await tf.setBackend('wasm');
});

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-cli-'));
});

afterEach(() => {
  fs.rmSync(folder, { recursive: true });
});

/** Logits of the model in a folder for the golden's images. */
async function logitsOf(model: string, goldenName = 'plain'): Promise<Float32Array> {
  const x = readGolden(`${goldenName}.expected.safetensors`).tensors.get('x');
  if (!x) throw new Error('the golden has no x');
  return expectNoLeak(async () => {
    const loaded = await tf.loadLayersModel(`file://${at(model)}/model.json`);
    const logits = tf.tidy(() => {
      const nchw = tf.tensor(x.data, x.shape as [number, number, number, number]);
      return loaded.predict(tf.transpose(nchw, [0, 2, 3, 1])) as tf.Tensor;
    });
    const values = Float32Array.from(await logits.data());
    logits.dispose();
    loaded.dispose();
    return values;
  });
}

describeGoldens('convert', () => {
  const convert = (...options: string[]) =>
    cliAssuming('convert', golden('plain.pth'), at('model'), '--input-size', '64', ...options);

  test('to a folder that tf.loadLayersModel reads, in every precision', async () => {
    const expected = readGolden('plain.expected.safetensors').tensors.get('logits.0')?.data ?? [];
    const report = await convert();
    expect(report).toMatch(/model\/model\.json: 456 kB of float32 weights\n$/);
    const full = await logitsOf('model');
    expectClose(full, expected, 1e-5);
    for (const [dtype, tolerance] of [
      ['float16', 2e-3],
      ['uint8', 0.1],
    ] as const) {
      fs.rmSync(at('model'), { recursive: true });
      await convert('--dtype', dtype);
      const error = relativeError(await logitsOf('model'), full);
      expect(error).toBeGreaterThan(0);
      expect(error).toBeLessThan(tolerance);
    }
  });

  test('float32 weights are those of the checkpoint, bit for bit', async () => {
    await convert('--to', 'tfjs');
    const model = await tf.loadLayersModel(`file://${at('model')}/model.json`);
    await saveCheckpoint(model, at('back.safetensors'));
    model.dispose();
    expect(await cliOut('convert', golden('plain.pth'), at('direct.safetensors'))).toMatch(
      /direct\.safetensors: 288 tensors, float32\n$/,
    );
    const original = readGolden('plain.weights.safetensors').tensors;
    for (const file of ['back', 'direct']) {
      const { tensors } = readGolden(at(`${file}.safetensors`));
      expect([...tensors.keys()].sort()).toEqual([...original.keys()].sort());
      for (const [name, { shape, data }] of original) {
        const got = tensors.get(name);
        expect(got?.shape).toEqual(shape);
        expect(Buffer.from(got?.data.buffer as ArrayBuffer).equals(Buffer.from(data.buffer))).toBe(
          true,
        );
      }
    }
  });

  test('intermediate supervision is left out, and that is said', async () => {
    const { status, error } = await cli('convert', golden('supervised.pth'), at('model'));
    expect(status).toBe(0);
    expect(error).toMatch(/^left out \d+ tensors that inference does not use: cls_blocks\.0/);
  });

  test('what cannot be converted leaves nothing behind', async () => {
    const bytes = fs.readFileSync(golden('plain.pth'));
    // Wrong only near its end, when much has been written: a checksum in the zip shows it.
    const late = Buffer.from(bytes);
    const middle = Math.floor(0.7 * late.length);
    late.fill(0x55, middle, middle + 64);
    for (const [name, data] of [
      ['late.pth', late],
      ['half.pth', bytes.subarray(0, bytes.length / 2)],
      ['text.pth', Buffer.from('no checkpoint')],
    ] as const) {
      const input = at(name);
      fs.writeFileSync(input, data);
      await cliError('convert', input, at('out'));
      await cliError('convert', input, at('out.safetensors'));
      expect(fs.readdirSync(folder)).toEqual([name]);
      fs.rmSync(input);
    }
    await cliError('convert', golden('attention_cross.safetensors'), at('out'));
    expect(await cliError('convert', 'revcol_tinny', at('out'))).toContain('nearest names');
    expect(await cliError('convert', at('none.pth'), at('out'))).toContain('there is no file');
    const float16 = ['--dtype', 'float16'];
    expect(
      await cliError('convert', golden('plain.pth'), at('out.safetensors'), ...float16),
    ).toContain('--dtype float16 is for tfjs');
    expect(fs.readdirSync(folder)).toEqual([]);
  });

  test('a file is replaced only with --force, and that is said before anything is read', async () => {
    const precious = at('precious.safetensors');
    fs.writeFileSync(precious, 'data');
    expect(await cliError('convert', at('none.pth'), precious)).toContain('--force replaces it');
    expect(await cliError('convert', golden('plain.pth'), precious)).toContain('exists');
    expect(fs.readFileSync(precious, 'utf8')).toBe('data');
    await cliOut('convert', golden('plain.pth'), precious, '--force');
    expect(readGolden(precious).tensors.size).toBe(288);
    expect(await cliError('convert', at('none.pth'), folder)).toContain('is not empty');
    expect(await cliError('convert', at('none.pth'), precious, '--to', 'tfjs')).toContain(
      'is not a folder',
    );
  });

  test.each(['.onnx', '.pt', '.h5', '.json', '.bin'])('no %s is written', async (ending) => {
    const to = at(`model${ending}`);
    expect(await cliError('convert', golden('plain.pth'), to)).toContain(`written as ${ending}`);
    expect(fs.readdirSync(folder)).toEqual([]);
  });

  test('a dot in the name of a folder is no ending', async () => {
    await cliAssuming('convert', golden('plain.pth'), at('revcol_tiny.in1k'));
    expect(fs.readdirSync(at('revcol_tiny.in1k'))).toContain('model.json');
  });

  test('what is there already is not overwritten by a model', async () => {
    fs.mkdirSync(at('model'));
    fs.writeFileSync(at('model/precious'), 'data');
    const error = await cliError('convert', golden('plain.pth'), at('model'));
    expect(error).toContain('is not empty');
    expect(fs.readdirSync(at('model'))).toEqual(['precious']);
  });
});

describeGoldens('classify', () => {
  const size = ['--input-size', '64'];

  function write(name: string, fixture: keyof typeof images.files): string {
    fs.writeFileSync(at(name), Buffer.from(images.files[fixture].file, 'base64'));
    return at(name);
  }

  /** Softmax of what the model says of the pixels that Pillow reads. */
  async function expectedProbabilities(
    weights: string,
    fixture: keyof typeof images.files,
    numClasses: number,
  ): Promise<Float32Array> {
    const model = createModel('revcol_tiny', {
      channels: [8, 16, 24, 32],
      depths: [1, 1, 2, 1],
      columns: 4,
      numClasses,
      inputShape: [64, 64, 3],
    });
    await loadCheckpoint(model, weights, { supervision: 'skip' });
    const { width, height } = images;
    const data = Buffer.from(images.files[fixture].rgb, 'base64');
    const probabilities = tf.tidy(() =>
      tf.softmax(
        model.predict(preprocess({ width, height, data }, { inputSize: [64, 64, 3] })) as tf.Tensor,
      ),
    );
    const values = Float32Array.from(await probabilities.data());
    probabilities.dispose();
    model.dispose();
    return values;
  }

  test('JPEG and PNG, with a checkpoint of ten classes', async () => {
    const files = { jpeg: write('a.jpg', 'jpeg 4:2:0'), png: write('b.png', 'png alpha') };
    const weights = golden('plain.pth');
    const args = [files.jpeg, files.png, '--weights', weights, '--top', '10', '--json', ...size];
    const results = JSON.parse(
      await expectNoLeak(() => cliAssuming('classify', ...args)),
    ) as Record<string, { class: number; name?: string; probability: number }[]>;
    expect(Object.keys(results)).toEqual([files.jpeg, files.png]);
    for (const [file, fixture] of [
      [files.jpeg, 'jpeg 4:2:0'],
      [files.png, 'png alpha'],
    ] as const) {
      const expected = await expectedProbabilities(weights, fixture, 10);
      const got = results[file] ?? [];
      expect(got.map(({ name }) => name)).toEqual(Array(10).fill(undefined));
      const sorted = [...expected.keys()].sort(
        (a, b) => (expected[b] as number) - (expected[a] as number),
      );
      expect(got.map((prediction) => prediction.class)).toEqual(sorted);
      expectClose(
        got.map(({ probability }) => probability),
        sorted.map((index) => expected[index] as number),
        1e-5,
      );
    }
  });

  test('a thousand classes have names', async () => {
    const weights = at('thousand.safetensors');
    const model = createModel('revcol_tiny', {
      channels: [4, 4, 4, 4],
      depths: [1, 1, 1, 1],
      columns: 2,
      inputShape: [64, 64, 3],
    });
    await saveCheckpoint(model, weights);
    model.dispose();
    const text = await cliAssuming('classify', write('a.png', 'png'), '-w', weights, ...size);
    const [file, ...lines] = text.trim().split('\n');
    expect(file).toBe(at('a.png'));
    expect(lines).toHaveLength(5);
    for (const line of lines) {
      const [, percent, index, name] = /^ *([\d.]+)% +(\d+) {2}(.+)$/.exec(line) ?? [];
      expect(Number(percent)).toBeGreaterThan(0);
      expect(name).toBe(IMAGENET_CLASSES[Number(index)]);
    }
  });

  test('a classifier in the middle of the network is not asked', async () => {
    const weights = golden('supervised_many_classes.pth');
    const image = write('a.png', 'png grey');
    const text = await cliAssuming('classify', image, '-w', weights, '-t', '1', '--json', ...size);
    const [best] = (JSON.parse(text) as Record<string, { class: number; name?: string }[]>)[
      image
    ] ?? [undefined];
    const expected = await expectedProbabilities(weights, 'png grey', 1200);
    expect(best?.class).toBe(expected.indexOf(Math.max(...expected)));
    expect(best?.name).toBeUndefined();
  });

  test('a file of no bytes that claims a giant model is refused before one is built', async () => {
    // Dimensions of 0 make room for any other.
    const shapes: Record<string, number[]> = {
      'stem.0.weight': [60_000, 3, 4, 0],
      'cls.classifier.1.bias': [0],
      'cls.classifier.1.weight': [100_000, 0],
    };
    for (const level of [0, 1, 2, 3]) shapes[`subnet0.alpha${level}`] = [0, 60_000, 1, 1];
    const header = Object.fromEntries(
      Object.entries(shapes).map(([name, shape]) => [
        name,
        { dtype: 'F32', shape, data_offsets: [0, 0] },
      ]),
    );
    const json = Buffer.from(JSON.stringify(header));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(json.length));
    fs.writeFileSync(at('giant.safetensors'), Buffer.concat([length, json]));
    const before = tf.memory().numBytes;
    const image = write('good.png', 'png');
    const error = await cliError('classify', image, '-w', at('giant.safetensors'), ...size);
    expect(error).toContain('not those of a RevCol');
    expect(tf.memory().numBytes).toBe(before);
  });

  test('weights whose shapes do not fit each other are refused before a model is built', async () => {
    const { tensors } = readGolden('plain.weights.safetensors');
    const entries = [...tensors].map(([name, { shape, data }]) => {
      const wide = name === 'cls.classifier.1.bias';
      return [name, wide ? [5000] : shape, wide ? new Float32Array(5000) : data] as const;
    });
    let end = 0;
    const header = Object.fromEntries(
      entries.map(([name, shape, data]) => {
        const start = end;
        end += data.byteLength;
        return [name, { dtype: 'F32', shape, data_offsets: [start, end] }];
      }),
    );
    const json = Buffer.from(JSON.stringify(header));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(json.length));
    const bytes = entries.map(([, , data]) =>
      Buffer.from(data.buffer, data.byteOffset, data.byteLength),
    );
    fs.writeFileSync(at('wide.safetensors'), Buffer.concat([length, json, ...bytes]));
    const image = write('good.png', 'png');
    const error = await cliError('classify', image, '-w', at('wide.safetensors'), ...size);
    expect(error).toContain('cls.classifier.1.weight');
  });

  test('names of classes that weights bring along stay with the model', async () => {
    await cliOut('convert', 'revcol_femto.fashion', at('femto'));
    const { userDefinedMetadata } = JSON.parse(fs.readFileSync(at('femto/model.json'), 'utf8')) as {
      userDefinedMetadata: { classNames: string[] };
    };
    expect(userDefinedMetadata.classNames[9]).toBe('Ankle boot');
    const boot = write('boot.png', 'png grey');
    expect(await cliOut('classify', boot, '-w', at('femto'))).toBe(
      await cliOut('classify', boot, '-w', 'revcol_femto.fashion'),
    );
  });

  test('bad files', async () => {
    const weights = golden('plain.pth');
    const good = write('good.png', 'png');
    const half = write('half.jpg', 'jpeg grey');
    fs.truncateSync(half, 300);
    expect(await cliError('classify', good, half, '-w', weights, ...size)).toContain('half.jpg');
    const none = at('none.png');
    expect(await cliError('classify', none, '-w', weights, ...size)).toContain('none.png');
    fs.writeFileSync(at('text.png'), 'no image');
    expect(await cliError('classify', at('text.png'), '-w', weights)).toContain('neither JPEG');
    expect(await cliError('classify', good, '-w', at('none.pth'))).toContain('there is no file');
    expect(await cliError('classify', good, '-w', at('text.png'))).toContain('text.png');
    expect(await cliError('classify', good, '-w', 'revcol_base')).toContain('say which weights');
    const tensors = golden('attention_cross.safetensors');
    expect(await cliError('classify', good, '-w', tensors)).toContain('not those of a RevCol');
  });
});
