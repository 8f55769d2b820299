/** The packed package in React Native: bundled by Metro, and run where there is nothing of Node. */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as vm from 'node:vm';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import { useBackend } from '../../support/backends';

/** An app with every entry that a phone may use: it trains a step, and asks for what is not there. */
const APP = `
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import * as revcol from 'tfjs-revcol';
import * as convert from 'tfjs-revcol/convert';
import * as classes from 'tfjs-revcol/imagenet_classes';
import * as images from 'tfjs-revcol/images';
import * as layers from 'tfjs-revcol/layers';
import * as models from 'tfjs-revcol/models';
import * as text from 'tfjs-revcol/text';
import * as training from 'tfjs-revcol/training';
import * as weights from 'tfjs-revcol/weights';

const parts = { convert, images, layers, models, text, training, weights };
const backbone = revcol.layers.revColBackbone({
  columns: 2, channels: [4, 8], depths: [1, 1], patchSize: 2, inputShape: [8, 8, 3] });
const model = tfl.sequential({ layers: [backbone, revcol.layers.revColHead({ units: 2 })] });
model.compile({ optimizer: new training.AdamW({ learningRate: 0.01 }), loss: 'meanSquaredError' });
const message = (promise) => promise.then(() => 'nothing', (error) => error.message);
globalThis.result = (async () => ({
  losses: (await model.fit(tf.ones([4, 8, 8, 3]), tf.ones([4, 2]), { epochs: 3, verbose: 0 })).history.loss,
  // One entry's classes are another's.
  differing: Object.values(parts).flatMap((part) =>
    Object.keys(part).filter((name) => part[name] !== revcol[name])),
  classes: classes.IMAGENET_CLASSES.length,
  path: await message(weights.loadCheckpoint(model, 'file:///a/b.safetensors')),
  cache: await message(weights.fetchPretrained(weights.pretrainedWeights('revcol_tiny.in1k'))),
  folder: await message(convert.folderSink('a')),
}))();
`;

/** The main entry by itself, for a Metro that does not read \`exports\`. */
const OLD_APP = `
import * as revcol from 'tfjs-revcol';
globalThis.result = typeof revcol.createModel;
`;

/** What every JavaScript engine of React Native gives, and nothing of Node. */
function phone(): vm.Context {
  const context = vm.createContext({
    TextEncoder,
    TextDecoder,
    URL,
    setTimeout,
    clearTimeout,
    performance,
    tfjs: { 'tfjs-core': tf, 'tfjs-layers': tfl },
  });
  vm.runInContext('globalThis.global = globalThis', context);
  return context;
}

export function reactNativeTests(project: () => string): void {
  describe('in React Native', () => {
    let folder: string;
    let failures: (string | null)[];

    beforeAll(() => {
      folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-metro-'));
      const write = (name: string, text: string) => fs.writeFileSync(path.join(folder, name), text);
      const packed = path.join(project(), 'node_modules/tfjs-revcol');
      fs.cpSync(packed, path.join(folder, 'node_modules/tfjs-revcol'), { recursive: true });
      write('package.json', '{}');
      write('app.js', APP);
      write('old.js', OLD_APP);
      // What Node gets, to see that Metro would refuse it: an entry that reads files.
      write('control.js', "import './node_modules/tfjs-revcol/dist/weights.js';");
      for (const name of ['tfjs-core', 'tfjs-layers']) {
        write(`${name}.js`, `module.exports = globalThis.tfjs['${name}'];`);
      }
      const wanted = [
        { entry: 'app.js', out: 'app.out.js', exportsField: true },
        { entry: 'old.js', out: 'old.out.js', exportsField: false },
        { entry: 'control.js', out: 'control.out.js', exportsField: true },
      ];
      const script = path.join(__dirname, 'metro_bundle.mjs');
      const { stdout, stderr } = spawnSync(
        process.execPath,
        [script, folder, JSON.stringify(wanted)],
        { encoding: 'utf8' },
      );
      expect(stderr).toBe('');
      failures = JSON.parse(stdout) as typeof failures;
    });

    afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

    const result = (file: string): unknown => {
      const context = phone();
      vm.runInContext(fs.readFileSync(path.join(folder, file), 'utf8'), context);
      return (context as { result: unknown }).result;
    };

    test('Metro refuses what Node gets, and takes what it is given', () => {
      const [app, old, control] = failures;
      expect({ app, old }).toEqual({ app: null, old: null });
      expect(control).toMatch(/Invalid call at line \d+: import\(/);
    });

    test('the bundle trains without anything of Node, and says what is not there', async () => {
      await useBackend('cpu');
      const { losses, ...rest } = (await result('app.out.js')) as { losses: number[] };
      expect(losses).toHaveLength(3);
      expect(losses[2]).toBeLessThan(losses[0] as number);
      expect(rest).toEqual({
        differing: [],
        classes: 1000,
        path: expect.stringContaining('needs Node'),
        cache: expect.stringContaining('neither a file system nor IndexedDB'),
        folder: expect.stringContaining('needs Node'),
      });
    });

    test('a Metro that reads no export conditions takes the main entry', () => {
      expect(result('old.out.js')).toBe('function');
    });
  });
}
