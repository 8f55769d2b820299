/** The README's program, as someone pastes it, against the packed package. */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';

const ROOT = path.resolve(__dirname, '../../..');

export function readmeTests(project: () => string): void {
  describe('the README', () => {
    const text = fs.readFileSync(path.join(ROOT, 'README.md'), 'utf8');
    const [, program = '', told = ''] =
      /^```js\n(.*?)^```\n.*?^```text\n(.*?)^```\n/ms.exec(text) ?? [];

    test('has a short program, whose lines print what it says', () => {
      expect(told).not.toBe('');
      expect(program.trim().split('\n').length).toBeLessThanOrEqual(20);
      fs.writeFileSync(path.join(project(), 'train.mjs'), program);
      const { stdout, status } = spawnSync(process.execPath, ['train.mjs'], {
        cwd: project(),
        encoding: 'utf8',
        env: { PATH: process.env.PATH },
      });
      expect({ stdout, status }).toEqual({ stdout: told, status: 0 });
    });

    test('names what the program imports where it says what to install', () => {
      const imported = [...program.matchAll(/from '([^']+)'|import '([^']+)'/g)];
      const install = /^npm install (.*)$/m.exec(text)?.[1]?.split(' ');
      expect(install?.sort()).toEqual(imported.map(([, a, b]) => a ?? b).sort());
    });

    test('says how large the model is, in bytes of float32', () => {
      const parameters = Number(/^(\d+) parameters/.exec(told)?.[1]);
      expect(text).toContain(`That model takes ${((4 * parameters) / 1e6).toFixed(1)} MB`);
    });
  });
}
