/** The command that builds the library of TensorFlow operations, and how the library is found. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import * as core from '@tensorflow/tfjs-core';

import { defaultFile } from '../../src/cli/native_build';
import * as library from '../../src/ops/kernels/tensorflow/library';
import { describeBackends } from '../support/backends';
import { cli, cliError } from './run';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'native-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));

/** The state of the library in a process that has not looked for it, with such an environment. */
function freshState(environment: Record<string, string>): library.NativeOperations {
  const before = { ...process.env };
  Object.assign(process.env, environment);
  // What tfjs has found out about the flag.
  const forget = () => Reflect.deleteProperty(tf.env().getFlags(), library.NATIVE_FLAG);
  forget();
  try {
    let state: library.NativeOperations | undefined;
    jest.isolateModules(() => {
      jest.doMock('@tensorflow/tfjs-core', () => core);
      const fresh = jest.requireActual<typeof library>('../../src/ops/kernels/tensorflow/library');
      state = fresh.nativeOperations();
    });
    return state as library.NativeOperations;
  } finally {
    process.env = before;
    forget();
    library.registerNativeFlag();
  }
}

describe('native', () => {
  test('says what to do where there is no compiler', async () => {
    const out = path.join(folder, 'none', 'library.node');
    const error = await cliError('native', '--out', out, '--compiler', 'no-such-compiler');
    expect(error).toContain('there is no C++ compiler (no-such-compiler); install one');
    expect(error).toContain('The package works without the library');
    expect(fs.existsSync(path.dirname(out))).toBe(false);
  });

  test('passes on what a compiler says, and leaves no half of a library', async () => {
    const compiler = path.join(folder, 'compiler');
    fs.writeFileSync(
      compiler,
      '#!/bin/sh\n[ "$1" = --version ] || { echo no room >&2; exit 1; }\n',
      {
        mode: 0o755,
      },
    );
    const out = path.join(folder, 'failed', 'library.node');
    const { status, error } = await cli('native', '--out', out, '--compiler', compiler);
    expect(status).toBe(1);
    expect(error).toContain(`${compiler} failed:\nno room`);
    expect(fs.readdirSync(path.dirname(out))).toEqual([]);
  });
});

test('without backend tensorflow the library is not looked for', () => {
  const find = jest.spyOn(tf.engine(), 'findBackend').mockReturnValue(null as never);
  try {
    expect(library.nativeOperations()).toEqual({
      on: false,
      reason: "backend 'tensorflow' is not there; import tfjs-node first",
    });
  } finally {
    find.mockRestore();
  }
});

describeBackends(
  'the library of operations is off, and says why,',
  () => {
    test('where the environment says so', () => {
      expect(freshState({ REVCOL_NATIVE: 'off' })).toEqual({
        on: false,
        reason: 'the tfjs flag REVCOL_NATIVE is false',
      });
    });

    test('where the file that is named is not there, or is something else', () => {
      const absent = path.join(folder, 'absent.node');
      const text = path.join(folder, 'text.node');
      fs.writeFileSync(text, 'no library');
      for (const [file, reason] of [
        [absent, 'cannot open shared object file'],
        [text, ''],
      ] as const) {
        const state = freshState({ REVCOL_NATIVE: file });
        expect(state).toEqual({
          on: false,
          reason: expect.stringContaining(`${file}: `) as string,
        });
        expect(state).toHaveProperty('reason', expect.stringContaining(reason));
      }
    });

    test('where it is of another version', () => {
      // An addon, but not ours: tfjs-node's own.
      const lib = path.resolve(
        __dirname,
        '../../.native/node_modules/@tensorflow/tfjs-node-gpu/lib',
      );
      const [version] = fs.readdirSync(lib) as [string];
      const addon = path.join(lib, version, 'tfjs_binding.node');
      const state = freshState({ REVCOL_NATIVE: addon });
      expect(state).toHaveProperty('reason', expect.stringContaining('is of another version'));
    });

    test('where it was built for other calls, or another file of it is loaded', () => {
      // As the other tests have it; where it has not been built there is nothing to copy.
      if (!library.nativeOperations().on) return;
      const built = fs.readFileSync(defaultFile());
      const mark = built.indexOf(`tfjs-revcol operations ${library.INTERFACE}\0`);
      expect(mark).toBeGreaterThan(0);
      const [old, copy] = [path.join(folder, 'old.node'), path.join(folder, 'copy.node')];
      fs.writeFileSync(copy, built);
      built.write('tfjs-revcol operations 0', mark);
      fs.writeFileSync(old, built);
      expect(freshState({ REVCOL_NATIVE: old })).toEqual({
        on: false,
        reason:
          `${old}: is of another version (this package's operations are ${library.INTERFACE}); ` +
          'build it again: npx tfjs-revcol native',
      });
      // TensorFlow ends the process where an operation is added twice.
      expect(freshState({ REVCOL_NATIVE: copy })).toEqual({
        on: false,
        reason: expect.stringContaining('another copy of this library is loaded') as string,
      });
    });
  },
  { only: ['tensorflow'] },
);
