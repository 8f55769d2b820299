/** `evaluate` on folders of pictures, and `classify` with what knows its classes. */
import '@tensorflow/tfjs-backend-wasm';
import * as fs from 'node:fs';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import type { Evaluation } from 'tfjs-revcol';
import { fileSystem } from 'tfjs-revcol/node';
import { folderOf, plainPng, shownFile } from '../pictures/folders';
import { expectNoLeak } from '../support/backends';
import { cli, cliAssuming, cliError, cliOut } from './run';

const RED = plainPng([250, 20, 10]);
const GREEN = plainPng([10, 250, 20]);
const BLUE = plainPng([20, 10, 250]);

let place: string;
let model: string;
const at = (name: string): string => path.join(place, name);

/** Its classes are the channels, in the order of the names: the brightest wins. */
async function saveModel(name: string, metadata: object): Promise<string> {
  const saved = tf.sequential({
    layers: [
      tf.layers.globalAveragePooling2d({ inputShape: [8, 8, 3], dataFormat: 'channelsLast' }),
    ],
  });
  saved.setUserDefinedMetadata(metadata);
  await saved.save(fileSystem(at(name)));
  saved.dispose();
  return at(name);
}

beforeAll(async () => {
  await tf.setBackend('wasm');
  place = folderOf({
    'data/test/red/1.png': RED,
    'data/test/red/2.png': BLUE,
    'data/test/green/1.png': GREEN,
    'data/test/blue/1.png': BLUE,
    'data/test/blue/2.jpg': 'broken',
    'data/train/red/1.png': RED,
    'odd/white/1.png': RED,
    'odd/red/1.png': RED,
  });
  model = await saveModel('model', { classNames: ['red', 'green', 'blue'], upright: true });
});
afterAll(() => fs.rmSync(place, { recursive: true }));

const TEST = ['--split', 'test', '--skip-broken'];

test('as JSON: classes are found by name, broken files are told', async () => {
  const out = await expectNoLeak(() =>
    cliOut('evaluate', at('data'), '-w', model, ...TEST, '--json', '--batch', '2'),
  );
  const got = JSON.parse(out) as Evaluation;
  expect(got).toMatchObject({
    examples: 4,
    classNames: ['red', 'green', 'blue'],
    top1: 0.75,
    confusionMatrix: [
      [1, 0, 1],
      [0, 1, 0],
      [0, 0, 1],
    ],
    worst: [{ name: 'test/red/2.png', label: 0, predicted: 2 }],
    skipped: [{ name: 'test/blue/2.jpg' }],
  });
});

test('as text', async () => {
  const out = await cliOut('evaluate', at('data'), '-w', model, ...TEST, '--worst', '1');
  expect(out).toMatch(/^pictures +top 1 +mean recall .*\n +4 +75\.0 % +83\.3 %/);
  expect(out).toMatch(/\nred +2 +100\.0 % +50\.0 % +66\.7 %\n/);
  expect(out).toMatch(/\nred +blue +1\n/);
  expect(out).toMatch(/\nworst mistakes +class +taken for +sure\ntest\/red\/2\.png +red +blue +/);
  expect(out).toMatch(/\ntest\/blue\/2\.jpg +.*neither JPEG, PNG nor WebP/);
});

test('a report with the pictures of mistakes', async () => {
  const report = at('report.html');
  const { status, error } = await cli('evaluate', at('data'), '-w', model, ...TEST, '-r', report);
  expect([status, error]).toEqual([0, `report: ${report}\n`]);
  const page = fs.readFileSync(report, 'utf8');
  expect(page).toMatch(
    /<img\s+src="data:image\/png;base64,[^"]+"\s+alt="test\/red\/2\.png: of class red/,
  );
  expect(page).toContain('Evaluation of');
});

test('what is wrong is said before weights are read, and nothing is written', async () => {
  const report = ['--report', at('none.html')];
  const all = ['evaluate', at('data')];
  expect(await cliError(...all, '-w', model, ...report)).toContain(
    'holds the parts test, train, each with folders of classes; say which by --split "test"',
  );
  expect(await cliError(...all, '-w', model, '--split', 'test', ...report)).toMatch(
    /example \d cannot be read: .*2\.jpg: neither JPEG, PNG nor WebP.*left out: --skip-broken$/,
  );
  expect(await cliError('evaluate', at('odd'), '-w', model, ...report)).toContain(
    'the model knows no class "white"; it has "red", "green", "blue"',
  );
  expect(await cliError('evaluate', at('none'), '-w', at('nothing'), ...report)).toContain(
    'cannot be listed: there is no such file or folder',
  );
  expect(await cliError(...all, '-w', model, '--report', at('data'))).toContain(
    `--report ${at('data')} is a folder; give a file, such as report.html`,
  );
  expect(await cliError(...all, '-w', model, '--report', at('no/r.html'))).toContain(
    `there is no folder ${at('no')}; make it, or give another place`,
  );
  const nameless = await saveModel('nameless', {});
  expect(await cliError('evaluate', at('odd'), '-w', nameless)).toContain(
    'whose names are not known',
  );
  expect(fs.existsSync(at('none.html'))).toBe(false);
});

test('names beside a model, and by --labels', async () => {
  const nameless = await saveModel('labelled', {});
  fs.writeFileSync(path.join(nameless, 'labels.json'), JSON.stringify(['blue', 'green', 'red']));
  const args = ['evaluate', at('data'), '-w', nameless, ...TEST, '--json'];
  expect((JSON.parse(await cliAssuming(...args)) as Evaluation).classNames).toEqual([
    'blue',
    'green',
    'red',
  ]);
  fs.writeFileSync(at('names.txt'), 'red\ngreen\nblue\n');
  const named = JSON.parse(await cliAssuming(...args, '--labels', at('names.txt'))) as Evaluation;
  expect(named.top1).toBe(0.75);
  fs.writeFileSync(at('few.txt'), 'red\ngreen\n');
  expect(await cliError(...args, '--labels', at('few.txt'))).toContain(
    'few.txt names 2 classes, the model has 3',
  );
});

describe('classify', () => {
  const top = async (...args: string[]) => {
    const out = await cliOut('classify', ...args, '--top', '1', '--json');
    return Object.values(JSON.parse(out) as Record<string, { name?: string }[]>)[0]?.[0]?.name;
  };

  test('knows the classes that a model brings along', async () => {
    const image = at('data/test/green/1.png');
    expect(await top(image, '-w', model)).toBe('green');
    fs.writeFileSync(at('own.txt'), 'a\nb\nc\n');
    expect(await top(image, '-w', model, '--labels', at('own.txt'))).toBe('b');
    const wrong = await saveModel('wrong', { classNames: ['red'] });
    expect(await cliError('classify', image, '-w', wrong)).toContain(
      'names 1 classes, the model has 3',
    );
  });

  test('turns pictures for a model that was trained on them upright, and reads WebP', async () => {
    // Of its pixels the model takes the mean of the first row as the first class.
    const rows = tf.sequential({
      layers: [
        tf.layers.cropping2D({
          cropping: [
            [0, 7],
            [0, 0],
          ],
          inputShape: [8, 8, 3],
        }),
        tf.layers.globalAveragePooling2d({ dataFormat: 'channelsLast' }),
      ],
    });
    const probabilities: string[] = [];
    for (const upright of [true, false]) {
      rows.setUserDefinedMetadata({ upright, crop: 'squash' });
      await rows.save(fileSystem(at('rows')));
      const files = ['jpeg turned 6', 'jpeg turned 1'] as const;
      for (const name of files) {
        fs.writeFileSync(at('turned.jpg'), shownFile(name));
        const told = upright ? cliOut : cliAssuming;
        probabilities.push(await told('classify', at('turned.jpg'), '-w', at('rows'), '--json'));
      }
    }
    rows.dispose();
    const [turned, plain, left, same] = probabilities;
    expect(turned).not.toBe(plain);
    expect(plain).toBe(same);
    expect(left).not.toBe(turned);
    fs.writeFileSync(at('a.webp'), shownFile('webp'));
    expect(await top(at('a.webp'), '-w', model)).toMatch(/red|green|blue/);
  });
});
