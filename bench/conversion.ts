/**
 * Time and memory of `tfjs-revcol convert` at full size, with random weights:
 *
 *     npm run build && npx tsx bench/conversion.ts [--sizes revcol_tiny,revcol_base]
 *
 * Each conversion is a process of its own. Peak memory is the operating system's, of the whole process;
 * the first line, of a model of a few kilobytes, is what Node and tfjs take without any weights.
 */
import '@tensorflow/tfjs';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

import {
  type ConvNextArchitecture,
  type ModelSizeName,
  REVCOL_ARCHITECTURES,
} from '../src/registry/architectures';
import { describeWeights } from '../src/registry/describe';
import { nameMapping } from '../src/weights/names/name_mapping';
import { writeSafetensors } from '../src/weights/safetensors/writer';

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(0);

const COMMAND = pathToFileURL(path.resolve('dist/cli/main.js')).href;
const SMALL = { channels: [8, 8, 8, 8], depths: [1, 1, 1, 1], columns: 2 };

/** Writes random weights of an architecture in the published names. */
async function writeWeights(architecture: ConvNextArchitecture, file: string) {
  const mapping = nameMapping();
  const weights = describeWeights({ ...architecture, numClasses: 1000, inputChannels: 3 });
  await writeSafetensors(
    weights.map(({ name, shape }) => {
      const mapped = mapping.toPublished(name);
      if (!mapped) throw new Error(`${name} has no published name`);
      const published = mapped.layout.publishedShape(shape) ?? shape;
      const length = published.reduce((a, b) => a * b, 1);
      const read = async () => Float32Array.from({ length }, () => 0.04 * (Math.random() - 0.5));
      return { name: mapped.name, shape: published, read };
    }),
    file,
  );
}

function convert(input: string, output: string, options: string[]): void {
  // The command itself, and then a line about its process.
  const script = `
    process.argv.splice(1, process.argv.length, 'tfjs-revcol', ...JSON.parse(process.env.ARGS));
    process.on('exit', () => console.error(JSON.stringify(process.resourceUsage())));
    await import(${JSON.stringify(COMMAND)});`;
  const start = performance.now();
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    env: { ...process.env, ARGS: JSON.stringify(['convert', input, output, ...options]) },
  });
  const seconds = (performance.now() - start) / 1000;
  if (status !== 0) throw new Error(stderr);
  const { maxRSS } = JSON.parse(stderr.trim().split('\n').at(-1) ?? '') as { maxRSS: number };
  const what = [path.parse(input).name, ...options].join(' ');
  console.log(`${what}: ${seconds.toFixed(1)} s, ${megabytes(maxRSS * 1024)} MB`);
}

const { values } = parseArgs({
  options: { sizes: { type: 'string', default: 'revcol_tiny,revcol_base' } },
});
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-conversion-'));
try {
  const names = values.sizes.split(',') as ModelSizeName[];
  const architectures = [
    ['small', { ...REVCOL_ARCHITECTURES.revcol_tiny, ...SMALL }],
    ...names.map((name) => [name, REVCOL_ARCHITECTURES[name]]),
  ] as [string, ConvNextArchitecture][];
  for (const [name, architecture] of architectures) {
    const file = path.join(folder, `${name}.safetensors`);
    await writeWeights(architecture, file);
    for (const dtype of ['float32', 'float16', 'uint8']) {
      const output = path.join(folder, 'model');
      convert(file, output, ['--dtype', dtype]);
      fs.rmSync(output, { recursive: true });
    }
    fs.rmSync(file);
  }
} finally {
  fs.rmSync(folder, { recursive: true, force: true });
}
