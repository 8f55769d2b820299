/** `createModel(..., { pretrained: true })` from the record's address to the model's outputs. */
import '@tensorflow/tfjs-backend-wasm';
import 'tfjs-revcol/layers';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import { DownloadError } from '../../src/download/errors';
import { createModel } from '../../src/models/create_model';
import { memoryPeak } from '../../src/ops/engine/memory_peak';
import { FileServer } from '../download/file_server';
import { expectClose, expectNoLeak } from '../support/backends';
import { describeGoldens, GOLDENS_DIR, readGolden } from '../support/goldens';

/** The goldens' architecture, in place of the one that the name stands for. */
const SMALL = {
  columns: 4,
  channels: [8, 16, 24, 32],
  depths: [1, 1, 2, 1],
  inputShape: [64, 64, 3] as [number, number, number],
};
/** A published set without a known length or checksum, so that another file may take its place. */
const UNCHECKED = 'revcol_large.in22k';

describeGoldens('createModel with pretrained: true', () => {
  let server: FileServer;
  let cacheDir: string;

  beforeAll(async () => {
    await tf.setBackend('wasm');
  });

  beforeEach(async () => {
    server = new FileServer(Buffer.alloc(0));
    await server.listen();
    cacheDir = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-cache-'));
  });

  afterEach(async () => {
    await server.close();
    fs.rmSync(cacheDir, { recursive: true, force: true });
  });

  const serve = (golden: string) => {
    server.content = fs.readFileSync(path.join(GOLDENS_DIR, `${golden}.pth`));
  };

  const options = () => ({
    ...SMALL,
    pretrained: true as const,
    baseUrl: server.base,
    cacheDir,
    retries: 1,
    retryDelayMs: 1,
  });

  /** Outputs for the golden's images, as plain numbers; channels first where they are images. */
  function outputs(model: tf.LayersModel, golden: string): Float32Array[] {
    const x = readGolden(`${golden}.expected.safetensors`).tensors.get('x');
    const values = tf.tidy(() => {
      const nchw = tf.tensor(x?.data ?? [], x?.shape as [number, number, number, number]);
      const ys = [model.predict(tf.transpose(nchw, [0, 2, 3, 1]))].flat() as tf.Tensor[];
      return ys.map((y) =>
        Float32Array.from((y.rank === 4 ? tf.transpose(y, [0, 3, 1, 2]) : y).dataSync()),
      ) as unknown as tf.TensorContainer;
    });
    return values as unknown as Float32Array[];
  }

  const expected = (golden: string, name: string) =>
    readGolden(`${golden}.expected.safetensors`).tensors.get(name)?.data ?? [];

  test('downloads, fills and computes; the second time without the server', async () => {
    serve('supervised_many_classes');
    const progress: number[] = [];
    const asked = { ...options(), numClasses: 1200 };
    await expectNoLeak(async () => {
      const model = await createModel(UNCHECKED, {
        ...asked,
        onProgress: ({ loaded, total }) => progress.push(loaded / (total ?? NaN)),
      });
      const [logits] = outputs(model, 'supervised_many_classes');
      expectClose(logits ?? [], expected('supervised_many_classes', 'logits.3'), 1e-5);
      model.dispose();
    });
    expect(progress.at(-1)).toBe(1);
    // A tensor at a time: the weights, and of the largest what is read and what it replaces.
    await expectNoLeak(async () => {
      const before = tf.memory().numBytes;
      const { result: model, peakBytes } = await memoryPeak(() => createModel(UNCHECKED, asked));
      const sizes = model.weights.map((w) => 4 * w.read().size);
      const all = sizes.reduce((sum, size) => sum + size, 0);
      expect(tf.memory().numBytes - before).toBe(all);
      expect(peakBytes - before).toBeLessThanOrEqual(all + 2 * Math.max(...sizes));
      model.dispose();
    });
    expect(fs.readdirSync(cacheDir)).toEqual(['revcol_large_22k.pth', 'revcol_large_22k.pth.note']);
    await server.close();
    const model = await createModel(UNCHECKED, asked);
    const [logits] = outputs(model, 'supervised_many_classes');
    expectClose(logits ?? [], expected('supervised_many_classes', 'logits.3'), 1e-5);
    model.dispose();
    server = new FileServer(Buffer.alloc(0));
    await server.listen();
  });

  test('with intermediate supervision', async () => {
    serve('supervised');
    const warn = jest.spyOn(console, 'warn').mockReturnValue();
    const model = await createModel(UNCHECKED, {
      ...options(),
      numClasses: 10,
      intermediateSupervision: true,
    });
    const got = outputs(model, 'supervised');
    model.dispose();
    expect(got).toHaveLength(7);
    for (const [i, name] of ['logits.0', 'logits.1', 'logits.2', 'logits.3'].entries()) {
      expectClose(got[i] ?? [], expected('supervised', name), 1e-5);
    }
    for (const [i, name] of ['image.0', 'image.1', 'image.2'].entries()) {
      expectClose(got[4 + i] ?? [], expected('supervised', name), 1e-5);
    }
    expect(warn).not.toHaveBeenCalled();
    warn.mockRestore();
  });

  test('another number of classes: a random classifier on the trained backbone, and a warning', async () => {
    serve('plain');
    const warn = jest.spyOn(console, 'warn').mockReturnValue();
    const model = await createModel(UNCHECKED, { ...options(), numClasses: 7 });
    expect(warn.mock.calls.flat().join()).toMatch(/weights of the head do not fit/);
    warn.mockRestore();
    expect(model.outputShape).toEqual([null, 7]);
    const trained = readGolden('plain.weights.safetensors').tensors.get('subnet3.alpha2');
    const alphas = model.weights.filter(({ originalName }) =>
      /column_3\/.*alpha/.test(originalName),
    );
    const flat = alphas.map((w) => Array.from(w.read().dataSync()));
    expect(flat).toContainEqual(Array.from(trained?.data ?? []));
    model.dispose();
  });

  test("other images: inputChannels: 'adapt', and advice without it", async () => {
    serve('supervised');
    const asked = {
      ...options(),
      inputShape: [64, 64, 1] as [number, number, number],
      numClasses: 10,
    };
    await expectNoLeak(async () => {
      await expect(createModel(UNCHECKED, asked)).rejects.toThrow("pass inputChannels: 'adapt'");
    });
    const weights = readGolden('supervised.weights.safetensors').tensors.get('stem.0.weight');
    const [out = 0, , height = 0, width = 0] = weights?.shape ?? [];
    const area = height * width;
    const sums = Array.from({ length: out * area }, (_, i) =>
      [0, 1, 2].reduce((sum, c) => {
        const at = (Math.floor(i / area) * 3 + c) * area + (i % area);
        return sum + (weights?.data[at] as number);
      }, 0),
    );
    const warn = jest.spyOn(console, 'warn').mockReturnValue();
    for (const intermediateSupervision of [false, true]) {
      const model = await createModel(UNCHECKED, {
        ...asked,
        intermediateSupervision,
        inputChannels: 'adapt',
      });
      const kernel = model.weights.find(({ originalName }) =>
        originalName.endsWith('stem/projection/kernel'),
      );
      const got = tf.tidy(() =>
        tf.transpose(kernel?.read() as tf.Tensor4D, [3, 2, 0, 1]).dataSync(),
      );
      expectClose(got, Float32Array.from(sums), 1e-6);
      model.dispose();
    }
    // Only the decoders, which make images of one channel, are left out.
    expect(warn.mock.calls.flat().join()).toMatch(/such as decoder_blocks/);
    warn.mockRestore();
  });

  test('failures leave no tensor and no file', async () => {
    serve('plain');
    const failure = (work: () => Promise<unknown>) =>
      expectNoLeak(() =>
        work().then(
          () => expect('success').toBe('failure'),
          (error: unknown) => error,
        ),
      );
    // Not the published bytes.
    const wrong = await failure(() =>
      createModel('revcol_tiny.in1k', { ...options(), numClasses: 10 }),
    );
    expect(wrong).toBeInstanceOf(DownloadError);
    expect(wrong).toMatchObject({ code: 'checksum' });
    server.faults = [{ status: 404 }];
    expect(await failure(() => createModel(UNCHECKED, options()))).toMatchObject({
      code: 'not-found',
    });
    server.faults = [{ cutAfter: 1000 }, { status: 500 }, { status: 500 }, { status: 500 }];
    expect(await failure(() => createModel(UNCHECKED, options()))).toMatchObject({
      code: 'network',
    });
    const aborted = () => createModel(UNCHECKED, { ...options(), signal: AbortSignal.abort() });
    expect(await failure(aborted)).toMatchObject({ name: 'AbortError' });
    expect(fs.readdirSync(cacheDir).filter((name) => name.endsWith('.pth'))).toEqual([]);
    server.faults = [];
    // The right file for another architecture.
    const misfit = () => createModel(UNCHECKED, { ...options(), columns: 5, numClasses: 10 });
    expect(await failure(misfit)).toMatchObject({ name: 'CheckpointError', code: 'mismatch' });
  });

  test('names and options are checked before anything is downloaded', async () => {
    const ask = createModel as (name: string, options: object) => Promise<tf.LayersModel>;
    await expect(ask('revcol_base', options())).rejects.toThrow('say which weights: revcol_base.');
    await expect(ask('revcol_xlarge', options())).rejects.toThrow('no weights of revcol_xlarge');
    await expect(ask('revcol_vit_small', options())).rejects.toThrow('no weights of revcol_vit');
    await expect(ask(UNCHECKED, { ...options(), numClasses: 0 })).rejects.toThrow('numClasses');
    expect(server.requests).toEqual([]);
  });
});
