/** The program of docs/webgpu-node.md in a process of its own: it trains, and ends by itself. */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';

import { BACKENDS } from '../support/backends';
import { documentBlocks } from '../support/document_code';

const ROOT = path.resolve(__dirname, '../..');
// The package is found from there.
const PROGRAM = path.join(ROOT, '.webgpu/guide.mts');

const testHere = BACKENDS.includes('webgpu') ? test : test.skip;

testHere('the program of the guide trains and ends', () => {
  const code = documentBlocks('docs/webgpu-node.md').map((block) => block.code);
  fs.writeFileSync(PROGRAM, code.join('\n'));
  try {
    const printed = execFileSync(process.execPath, ['--import', 'tsx', PROGRAM], {
      cwd: ROOT,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const losses = [...printed.matchAll(/^\d (\d+\.\d+)$/gm)].map(([, loss]) => Number(loss));
    expect(losses).toHaveLength(3);
    expect(losses.at(-1)).toBeLessThan(losses[0] as number);
  } finally {
    fs.rmSync(PROGRAM);
  }
});
