/** Programs in which TensorFlow.js is there twice: the packed package says so. */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';

const HINT = /There are two copies of TensorFlow\.js in this program: (.*?)\. What one copy makes/;

/** A program that says what came of each attempt. */
const START = `
const attempt = (work) => { try { return work(); } catch (error) { return error.message; } };
const small = { columns: 2, channels: [4, 6], depths: [1, 1], inputShape: [16, 16, 3] };
const build = (tfl, revcol) => attempt(() => tfl.sequential({ layers: [
  revcol.layers.revColBackbone(small), revcol.layers.revColHead({ units: 2 })] }).outputs[0].shape.join());
const own = () => require('@tensorflow/tfjs-layers');
const others = () => require('tfjs-revcol');
const backend = () => require('@tensorflow/tfjs-backend-cpu');
const print = (results) => console.log(JSON.stringify(results));
`;

export function twoCopiesTests(project: () => string): void {
  describe('with two copies of TensorFlow.js', () => {
    const app = () => path.join(project(), 'app');

    /** Copies packages of the project to where only the app finds them. */
    function copy(...names: string[]): void {
      for (const name of names) {
        const from = path.join(project(), 'node_modules/@tensorflow', name);
        const to = path.join(app(), 'node_modules/@tensorflow', name);
        fs.mkdirSync(path.join(to, 'dist'), { recursive: true });
        fs.copyFileSync(path.join(from, 'package.json'), path.join(to, 'package.json'));
        for (const file of fs.readdirSync(path.join(from, 'dist'))) {
          if (!file.endsWith('.node.js')) continue;
          fs.copyFileSync(path.join(from, 'dist', file), path.join(to, 'dist', file));
        }
      }
    }

    /** What a program prints: its results, and what the package warns of. */
    function run(body: string): { results: unknown; warned: (string | undefined)[] } {
      fs.mkdirSync(app(), { recursive: true });
      fs.writeFileSync(path.join(app(), 'main.cjs'), START + body);
      const { stdout, stderr, status } = spawnSync(process.execPath, ['main.cjs'], {
        cwd: app(),
        encoding: 'utf8',
        env: { PATH: process.env.PATH },
      });
      if (status !== 0) throw new Error(stderr);
      const lines = stderr.split('\n').filter((line) => line.startsWith('tfjs-revcol: '));
      return { results: JSON.parse(stdout), warned: lines.map((line) => HINT.exec(line)?.[1]) };
    }

    afterEach(() => fs.rmSync(app(), { recursive: true, force: true }));

    test('one that was loaded before is warned of at import, and named where it is used', () => {
      copy('tfjs-core', 'tfjs-layers');
      const { results, warned } = run('const tfl = own(); print([build(tfl, others())]);');
      expect(warned).toEqual([
        expect.stringMatching(/^tfjs-revcol uses @tensorflow\/tfjs-core 4\.\d+\.\d+, and another/),
      ]);
      expect(results).toEqual([expect.stringMatching(HINT)]);
    });

    test('one that is loaded later is named where it is used', () => {
      copy('tfjs-core', 'tfjs-layers');
      const { results, warned } = run(
        `const revcol = others(); backend(); const tfl = own();
         const input = tfl.input({ shape: [16, 16, 3] });
         const block = tfl.layers.dense({ units: 4 });
         print([
           build(tfl, revcol),
           attempt(() => revcol.layers.revColBackbone(small).apply(input)),
           attempt(() => revcol.layers.revColBackbone({ ...small, block }).build([null, 16, 16, 3])),
         ]);`,
      );
      expect(warned).toEqual([]);
      const symbolic = /^RevColBackbone: There are two copies .* the input is a symbolic tensor of/;
      expect(results).toEqual([
        expect.stringMatching(symbolic),
        expect.stringMatching(symbolic),
        expect.stringMatching(
          /There are two copies .* the layer 'dense_Dense1' is of another copy/,
        ),
      ]);
    });

    test('two copies of tfjs-layers on one tfjs-core are told apart where they meet', () => {
      copy('tfjs-layers');
      const { results, warned } = run('const tfl = own(); print([build(tfl, others())]);');
      expect({ warned, results }).toEqual({ warned: [], results: [expect.stringMatching(HINT)] });
    });

    test.each(['', '/layers', '/training', '/models'])('tfjs-revcol%s warns once', (entry) => {
      copy('tfjs-core');
      const { warned } = run(
        `require('@tensorflow/tfjs-core'); require('tfjs-revcol${entry}');
         require('tfjs-revcol'); print(null);`,
      );
      expect(warned).toEqual([expect.stringMatching(/^tfjs-revcol uses/)]);
    });

    test('a tfjs-layers on another tfjs-core is warned of', () => {
      // The app has the package itself and tfjs-core; tfjs-layers is that of the project.
      copy('tfjs-core');
      const packed = path.join(project(), 'node_modules/tfjs-revcol');
      fs.cpSync(packed, path.join(app(), 'node_modules/tfjs-revcol'), { recursive: true });
      const { warned } = run("require('@tensorflow/tfjs-core'); others(); print(null);");
      expect(warned).toEqual([
        expect.stringMatching(/^@tensorflow\/tfjs-layers 4\S+ uses another copy of .*tfjs-core/),
      ]);
    });

    test('of one copy nothing is said, in whatever order things are loaded', () => {
      const { results, warned } = run(
        `require('tfjs-revcol/training'); const revcol = others(); const tfl = own();
         backend(); print([build(tfl, revcol)]);`,
      );
      expect({ results, warned }).toEqual({ results: [',2'], warned: [] });
    });
  });
}
