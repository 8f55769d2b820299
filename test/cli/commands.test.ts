/** The command line's surface: help, listing, inspection, timing, and wrong use of any of them. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

import { version } from '../../package.json';
import { activateBackend } from '../../src/cli/base/backend';
import { DownloadNotice } from '../../src/cli/base/download_notice';
import { SIZE_NAMES } from '../../src/registry/architectures';
import { listModels } from '../../src/registry/models';
import { PRETRAINED_WEIGHTS } from '../../src/registry/pretrained';
import { BACKENDS, expectNoLeak, useBackend } from '../support/backends';
import { describeGoldens, GOLDENS_DIR, readGolden } from '../support/goldens';
import { cli, cliError, cliOut } from './run';

const COMMANDS = ['models', 'inspect', 'convert', 'classify', 'bench', 'plan'];
const golden = (file: string) => path.join(GOLDENS_DIR, file);

describe('help', () => {
  test('lists every command, with examples', async () => {
    const help = await cliOut('--help');
    for (const command of COMMANDS) expect(help).toMatch(new RegExp(`^  ${command} `, 'm'));
    expect(help).toMatch(/Examples:\n {2}\$ tfjs-revcol /);
  });

  test.each(COMMANDS)('%s has help with examples of itself', async (command) => {
    const help = await cliOut(command, '--help');
    expect(help).toContain(`Usage: tfjs-revcol ${command} `);
    const examples = help.split('Examples:\n')[1] ?? '';
    const lines = examples.split('\n').filter((line) => line.trim() !== '');
    expect(lines.length).toBeGreaterThan(1);
    for (const line of lines) expect(line).toMatch(new RegExp(`^ {2}\\$ tfjs-revcol ${command}`));
  });

  test('the version is the package’s', async () => {
    expect(await cliOut('--version')).toBe(`${version}\n`);
  });

  test.each([
    [['convrt'], "unknown command 'convrt'"],
    [['models', '--fast'], "unknown option '--fast'"],
    [['inspect'], "missing required argument 'file'"],
    [['convert', 'a', 'b', '--dtype', 'int4'], "'int4' is invalid. Allowed choices are float32"],
    [['classify', 'a.png'], "required option '-w, --weights <file|folder|name>' not specified"],
    // What is mistyped is why it is missing.
    [
      ['classify', 'a.png', '--wieghts', 'b'],
      "unknown option '--wieghts'\n(Did you mean --weights?)",
    ],
    [['train', 'pets', '--ouput', 'b', '--model', 'c'], "unknown option '--ouput'"],
    [['classify', 'a.png', '-w', 'b', '--top', '0'], 'whole number of at least 1'],
    [['bench', '--batch', '1,x'], 'whole number of at least 1'],
  ])('%j is wrong use', async (args, message) => {
    const { status, out, error } = await cli(...args);
    expect({ status, out }).toEqual({ status: 1, out: '' });
    expect(error).toContain(message);
  });
});

describe('models', () => {
  test('lists sizes and published weights', async () => {
    const [classifiers = '', segmenters = ''] = (await cliOut('models')).trim().split('\n\n');
    const lines = classifiers.split('\n');
    const tiny = segmenters.split('\n').find((line) => line.startsWith('upernet_revcol_tiny'));
    expect(tiny?.split(/ {2,}/)).toEqual([
      'upernet_revcol_tiny.ade20k_512',
      '59.6 M',
      '4',
      '512x512',
      '150',
      '47.4',
    ]);
    expect(segmenters.split('\n')).toHaveLength(1 + 6);
    const names = lines.slice(1).map((line) => line.split(' ')[0]);
    expect(new Set(names)).toEqual(new Set([...SIZE_NAMES, ...Object.keys(PRETRAINED_WEIGHTS)]));
    expect(lines.find((line) => line.startsWith('revcol_vit_small'))?.split(/ {2,}/)).toEqual([
      'revcol_vit_small',
      '20.9 M',
      '4',
      ...['-', '-', '-', '-'],
    ]);
    const base = lines.find((line) => line.startsWith('revcol_base.in22k_ft_in1k_384'));
    expect(base?.split(/ {2,}/)).toEqual([
      'revcol_base.in22k_ft_in1k_384',
      '138.6 M',
      '16',
      '384x384',
      '1000',
      '86.7',
      '555 MB',
    ]);
  });

  test('filters, and gives full records as JSON', async () => {
    const records = JSON.parse(await cliOut('models', 'revcol_l*', '-p', '--json')) as unknown;
    expect(records).toEqual(
      JSON.parse(JSON.stringify(listModels({ filter: 'revcol_l*', pretrained: true }))),
    );
    expect((records as { name: string }[]).map(({ name }) => name)).toEqual(
      expect.arrayContaining(['revcol_large.in22k', 'revcol_large.in22k_ft_in1k_384']),
    );
    expect(await cliError('models', 'resnet*')).toContain("no model matches 'resnet*'");
  });
});

test('a size finds its weights', async () => {
  const names = (
    JSON.parse(await cliOut('models', 'revcol_tiny', '--json')) as { name: string }[]
  ).map(({ name }) => name);
  expect(names).toEqual(['revcol_tiny', 'revcol_tiny.in1k']);
});

test('what a file is called cannot steer the terminal', async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-cli-'));
  try {
    const name = 'w\x1b]0;owned\x07\x1b[2J\x9b1A\u202e';
    const header = { [name]: { dtype: 'F32', shape: [0], data_offsets: [0, 0] } };
    const json = Buffer.from(JSON.stringify(header));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(json.length));
    const file = path.join(folder, 'evil.safetensors');
    fs.writeFileSync(file, Buffer.concat([length, json]));
    const text = await cliOut('inspect', file);
    expect(text).toContain('w\\u001b]0;owned\\u0007\\u001b[2J\\u009b1A\\u202e');
    const summary = JSON.parse(await cliOut('inspect', file, '--json')) as {
      tensors: { name: string }[];
    };
    expect(summary.tensors[0]?.name).toBe(name);
    expect(await cliError('inspect', `${file}\x1b[2J`)).toContain('\\u001b[2J');
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
});

describeGoldens('inspect', () => {
  test('shows every tensor and which model it is', async () => {
    const { tensors } = readGolden('supervised.weights.safetensors');
    const lines = (await cliOut('inspect', golden('supervised.pth'))).split('\n');
    const rows = lines.slice(1, 1 + tensors.size).map((line) => line.split(/ {2,}/));
    const expected = [...tensors].map(([name, { shape }]) => [
      name,
      `[${shape.join(', ')}]`,
      'float32',
    ]);
    expect(rows.sort()).toEqual(expected.sort());
    const text = lines.join('\n');
    expect(text).toContain('4 columns, channels 8 16 24 32, depths 1 1 2 1, kernel 3, patch 4');
    expect(text).toContain('head:     10 classes, intermediate supervision');
    expect(text).toMatch(new RegExp(`^tensors: +${tensors.size}, `, 'm'));
  });

  test('JSON', async () => {
    const file = golden('huge.weights.safetensors');
    const summary = JSON.parse(await cliOut('inspect', file, '--json')) as {
      tensors: { name: string; shape: number[]; bytes: number }[];
      architecture: object;
    };
    expect(summary).toMatchObject({
      format: 'safetensors',
      architecture: { columns: 4, topFusion: true, numClasses: 10, supervised: false },
    });
    const stem = summary.tensors.find(({ name }) => name === 'stem.0.weight');
    expect(stem).toEqual({
      name: 'stem.0.weight',
      shape: [8, 3, 4, 4],
      dtype: 'float32',
      bytes: 4 * 8 * 3 * 16,
    });
  });

  test('a file of other tensors is shown, and said to be no RevCol', async () => {
    const text = await cliOut('inspect', golden('attention_cross.safetensors'));
    expect(text).toMatch(/^model: +the tensors are not those of a RevCol/m);
  });

  test('--no-tensors leaves the list out', async () => {
    const text = await cliOut('inspect', '--no-tensors', golden('plain.pth'));
    expect(
      text
        .trim()
        .split('\n')
        .map((line) => line.split(':')[0]),
    ).toEqual(['format', 'tensors', 'model', 'head']);
  });

  test('bad files', async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-cli-'));
    try {
      const bytes = fs.readFileSync(golden('plain.pth'));
      const write = (name: string, data: string | Uint8Array) => {
        fs.writeFileSync(path.join(folder, name), data);
        return path.join(folder, name);
      };
      await cliError('inspect', write('text.pth', 'hello, this is no checkpoint'));
      await cliError('inspect', write('empty.pth', ''));
      await cliError('inspect', write('half.pth', bytes.subarray(0, bytes.length / 2)));
      expect(await cliError('inspect', path.join(folder, 'none.pth'))).toContain('none.pth');
      expect(await cliError('inspect', folder)).toContain(folder);
      const error = await cliError('inspect', golden('plain.pth'), '--key', 'state_dict_ema');
      expect(error).toContain('state_dict_ema');
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  });
});

describe('bench', () => {
  // The slow cpu backend would only make the same test slower.
  const backend = BACKENDS.find((name) => name !== 'cpu') ?? 'cpu';
  const small = ['bench', 'revcol_tiny', '--columns', '1', '--input-size', '32'];

  beforeAll(() => useBackend(backend));

  test('inference: one measurement for each batch', async () => {
    const args = [...small, '--runs', '2', '--batch', '1,2', '--json'];
    const report = JSON.parse(await expectNoLeak(() => cliOut(...args))) as {
      results: Record<string, number>[];
    };
    expect(report).toMatchObject({ model: 'revcol_tiny', what: 'inference', inputSize: 32 });
    expect(report.results.map(({ batch }) => batch)).toEqual([1, 2]);
    for (const { batch = 0, milliseconds = 0, imagesPerSecond = 0, ...rest } of report.results) {
      expect(milliseconds).toBeGreaterThan(0);
      expect(imagesPerSecond).toBeCloseTo((1000 * batch) / milliseconds);
      // One column of RevCol-T holds some 7 million weights.
      expect(rest.peakBytes).toBeGreaterThan(25e6);
    }
  });

  test('training, as a table', async () => {
    const text = await expectNoLeak(() => cliOut(...small, '--train', '--runs', '1'));
    const [title, header, row] = text.split('\n');
    expect(title).toMatch(/^revcol_tiny, training step, reversible, 32 x 32, /);
    expect(header).toMatch(/^batch +ms +first ms +images\/s +peak memory$/);
    expect(row).toMatch(/^ +1 +[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+ MB$/);
  });

  test('a size is timed on the images that it is made for', async () => {
    const args = ['bench', 'revcol_femto', '--runs', '1'];
    const size = JSON.parse(await cliOut(...args, '--json')) as object;
    expect(size).toMatchObject({ model: 'revcol_femto', inputSize: 28 });
    expect(await cliOut(...args, '--input-size', '9')).toContain(', 9 x 9, ');
    expect(await cliError(...args, '--input-size', '7')).toContain('give at least 8 x 8');
  });

  test('a model of texts', async () => {
    expect(await cliError('bench', 'revcol_text_femto.languages')).toMatch(
      /^revcol_text_femto\.languages is a model of texts, .*preprocessTexts.*; bench times models of pictures$/,
    );
  });

  test('an unknown model', async () => {
    expect(await cliError('bench', 'RevCol-Text-Femto')).toMatch(
      /; did you mean 'revcol_text_femto\.languages'\? /,
    );
    expect(await cliError('bench', 'revcol_tinny')).toMatch(
      /^unknown model 'revcol_tinny'; nearest names: revcol_tiny, .*; tfjs-revcol models lists all of them$/,
    );
  });
});

describe('plan', () => {
  beforeAll(() => useBackend(BACKENDS[0] as string));

  test('tells the parts, what fits, and what would', async () => {
    const out = await expectNoLeak(() =>
      cliOut('plan', 'revcol_large', '--columns', '4', '--backend', 'wasm', '--batch', '2'),
    );
    expect(out).toMatch(/^revcol_large, 1[34]\d\.\d M parameters, .*; batch 2, adamw, wasm\n/);
    expect(out).toMatch(/^weights +5\d\d MB$/m);
    expect(out).toMatch(/^together +2\.\d+ GB$/m);
    expect(out).toMatch(/^fits the memory of WebAssembly, 4\.29 GB$/m);
    expect(out).toMatch(/^adapters of rank 8 by adamw +\d+ MB +yes$/m);
    expect(out).toMatch(/^adafactor, fused +\d+ MB +yes$/m);
    expect(out).toMatch(/^adamw8bit, fused +\d+ MB +yes$/m);
  });

  test('of a fused optimizer with small moments, where there is a kernel', async () => {
    const args = ['plan', 'revcol_tiny', '--columns', '2', '--optimizer', 'adamw8bit', '--fused'];
    const out = await cliOut(...args, '--backend', 'wasm');
    expect(out).toMatch(/; batch 1, adamw8bit, fused, wasm\n/);
    expect(out).not.toMatch(/^adamw8bit, fused /m);
    expect(await cliError(...args, '--backend', 'webgpu')).toMatch(/only wasm and tensorflow have/);
    expect(await cliOut('plan', '--columns', '2', '--backend', 'cpu')).not.toMatch(/8bit/);
  });

  test('as JSON, of adapters', async () => {
    const args = ['plan', 'revcol_tiny', '--adapters', '2', '--columns', '2', '--input-size', '64'];
    const plan = JSON.parse(await cliOut(...args, '--json')) as Record<string, number>;
    expect(plan.trainedParameters).toBeLessThan((plan.parameters as number) / 20);
    expect(plan.moments).toBe(8 * (plan.trainedParameters as number));
  });

  test('what does not fit, and an unknown model', async () => {
    const out = await cliOut('plan', 'revcol_huge', '--columns', '2', '--optimizer', 'adamw');
    expect(out).toMatch(/^does not fit the memory of WebAssembly, 4\.29 GB$/m);
    expect(await cliError('plan', 'revcol_gigantic')).toMatch(/revcol_gigantic/);
  });
});

describe('the backend', () => {
  const absent = (specifier: string) =>
    Promise.reject(
      Object.assign(new Error(`Cannot find package '${specifier}' imported from main.js`), {
        code: 'ERR_MODULE_NOT_FOUND',
      }),
    );

  test('none installed: says what to install', async () => {
    await expect(activateBackend(undefined, absent)).rejects.toThrow(
      /^found no tfjs backend to compute with; run: npm install @tensorflow\/tfjs-backend-wasm$/,
    );
    await expect(activateBackend('tensorflow', absent)).rejects.toThrow(
      /^backend tensorflow \(.*-gpu or .*tfjs-node\) is not installed; .*run: npm install @tensorflow\/tfjs-node$/,
    );
    // For commands without --backend.
    await expect(activateBackend('tensorflow', absent, '')).rejects.toThrow(
      /is not installed; run: npm install @tensorflow\/tfjs-node$/,
    );
  });

  test('one that is installed and broken is told', async () => {
    const broken = (specifier: string) =>
      specifier === '@tensorflow/tfjs-node'
        ? Promise.reject(new Error('libtensorflow.so.2: cannot open\nmore'))
        : absent(specifier);
    await expect(activateBackend(undefined, broken)).rejects.toThrow(
      'compute with (@tensorflow/tfjs-node: libtensorflow.so.2: cannot open); run:',
    );
  });

  test('the first that starts is taken', async () => {
    const only = (name: string) => (specifier: string) =>
      specifier === name ? Promise.resolve() : absent(specifier);
    expect(await activateBackend(undefined, only('@tensorflow/tfjs-backend-cpu'))).toBe('cpu');
    expect(await activateBackend(undefined, only('@tensorflow/tfjs-backend-wasm'))).toBe('wasm');
  });
});

describe('a download that waits', () => {
  const wanted = { fileName: 'a.pth', approximateBytes: 135e6 };
  const address = 'https://example.invalid/models/a.pth?secret';

  /** What is said while `work` goes on, whose requests `answer` answers. */
  async function said(
    answer: () => Promise<Response>,
    work: (notice: DownloadNotice) => Promise<unknown>,
  ): Promise<string> {
    let text = '';
    const out = () => undefined;
    const terminal = { out, error: (more: string) => void (text += more) };
    const notice = new DownloadNotice(terminal, wanted, false, 20);
    const request = jest.spyOn(globalThis, 'fetch').mockImplementation(answer);
    await work(notice).finally(() => notice.end());
    request.mockRestore();
    return text;
  }
  const pause = () => new Promise((resolve) => setTimeout(resolve, 60));

  test('says what it is, from where, and when it is tried again; once', async () => {
    const slow = async () => {
      await pause();
      return new Response('');
    };
    const text = await said(slow, async ({ fetch }) => {
      await fetch(address);
      await fetch(address);
    });
    expect(text).toBe(
      'downloading a.pth, 135 MB, from example.invalid; where nothing arrives for 60 s it is tried ' +
        'again, 5 times at most\n',
    );
  });

  test('says at once that an address cannot be reached, once', async () => {
    const failing = () =>
      Promise.reject(new TypeError('fetch failed', { cause: new Error('ENOTFOUND') }));
    const text = await said(failing, async ({ fetch }) => {
      for (let i = 0; i < 2; i++) await expect(fetch(address)).rejects.toThrow('fetch failed');
      await pause();
    });
    expect(text).toMatch(
      /^example\.invalid does not give a\.pth, 135 MB: .*; it is tried again, 5 times at most\n$/,
    );
    expect(text).not.toContain('secret');
  });

  test('is silent where everything arrives, and where it was interrupted', async () => {
    const text = await said(
      async () => new Response(''),
      async ({ fetch, onProgress }) => {
        await fetch(address);
        onProgress({ fileName: 'a.pth', loaded: 5, total: 5 });
        await pause();
      },
    );
    const signal = AbortSignal.abort(new Error('interrupted'));
    const aborted = () => Promise.reject(new Error('interrupted'));
    const other = await said(aborted, ({ fetch }) =>
      expect(fetch(address, { signal })).rejects.toThrow('interrupted'),
    );
    expect(text + other).toBe('');
  });
});
