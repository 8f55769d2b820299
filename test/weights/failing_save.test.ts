/** `saveCheckpoint` whose n-th call of the file system fails, for every n. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import { createModel, loadCheckpoint, saveCheckpoint } from 'tfjs-revcol';
import { BACKENDS, expectNoLeak, useBackend } from '../support/backends';
import { failAtFileCall, watchFiles } from '../support/failing_files';

jest.mock('node:fs/promises', () =>
  jest.requireActual<typeof import('../support/failing_files')>('../support/failing_files').files(),
);

const SIZE = { columns: 1, channels: [4, 4, 4, 4], depths: [1, 1, 1, 1] };

let folder: string;
let model: tf.LayersModel;

beforeAll(async () => {
  await useBackend(BACKENDS[0] as string);
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-failing-'));
  model = createModel('revcol_tiny', { ...SIZE, inputShape: [32, 32, 3], numClasses: 2 });
});
afterAll(() => {
  model.dispose();
  fs.rmSync(folder, { recursive: true });
});

/** What the folder holds, by name. */
const contents = () =>
  Object.fromEntries(
    fs.readdirSync(folder).map((f) => [f, fs.readFileSync(path.join(folder, f), 'base64')]),
  );

test.each(['new', 'replaced'])('a file that is %s: whole, or as before', async (title) => {
  const file = path.join(folder, `${title}.safetensors`);
  if (title === 'replaced') fs.writeFileSync(file, 'as before');
  const save = () => saveCheckpoint(model, file);
  const before = contents();
  const { calls } = await watchFiles(async () => {
    const other = path.join(folder, 'other.safetensors');
    await saveCheckpoint(model, other);
    fs.rmSync(other);
  });
  expect(calls).toEqual(expect.arrayContaining(['open', 'handle.write', 'handle.close', 'rename']));
  for (let n = 1; n <= calls.length; n++) {
    const { error, failure, leftOpen } = await expectNoLeak(() => failAtFileCall(n, save));
    const what = failure.message;
    expect({ what, error }).toMatchObject({
      error: { name: 'CheckpointError', code: 'io', cause: failure },
    });
    expect({ what, leftOpen, contents: contents() }).toEqual({
      what,
      leftOpen: [],
      contents: before,
    });
  }
  await save();
  const { loaded } = await loadCheckpoint(model, file);
  expect(loaded.length).toBeGreaterThan(20);
  expect(Object.keys(contents())).toHaveLength(
    Object.keys(before).length + (title === 'new' ? 1 : 0),
  );
});
