/**
 * Loads every golden `.pth` into a model, saves the model, and has PyTorch compare what its own
 * safetensors reads with what its own torch.load reads, bit for bit.
 *
 *   npx tsx bench/saved_checkpoints.ts --python VENV/bin/python
 *
 * The Python needs torch, numpy and safetensors; the goldens are described in CONTRIBUTING.md.
 */
import '@tensorflow/tfjs-backend-cpu';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs-core';

import { loadCheckpoint, saveCheckpoint } from 'tfjs-revcol';
import {
  GOLDEN_CASES,
  goldenExpected,
  goldenModel,
  goldenPath,
} from '../test/weights/support/golden_model';

const { values } = parseArgs({ options: { python: { type: 'string', default: 'python3' } } });
await tf.setBackend('cpu');
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-saved-'));
const pairs: string[] = [];
for (const name of GOLDEN_CASES) {
  const model = goldenModel(goldenExpected(name));
  const saved = path.join(folder, `${name}.safetensors`);
  await loadCheckpoint(model, goldenPath(name, '.pth'));
  await saveCheckpoint(model, saved);
  pairs.push(goldenPath(name, '.pth'), saved);
  model.dispose();
}
const script = fileURLToPath(new URL('check_saved.py', import.meta.url));
const child = spawnSync(values.python, [script, ...pairs], { stdio: 'inherit' });
fs.rmSync(folder, { recursive: true });
if (child.error) process.stderr.write(`${values.python}: ${child.error.message}\n`);
process.exitCode = child.status === 0 ? 0 : 1;
