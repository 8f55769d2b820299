/** Ctrl-C while a file is written, in a process of its own. */
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

const CHILD = path.join(__dirname, 'interrupt_child.ts');

test.each(['SIGINT', 'SIGTERM'] as const)(
  '%s leaves the file as it was and nothing beside it, and ends the process',
  async (name) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-interrupt-'));
    try {
      const file = path.join(folder, 'weights.safetensors');
      fs.writeFileSync(file, 'mine');
      const child = spawn(process.execPath, ['--import', 'tsx', CHILD, file], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const during = new Promise<string[]>((resolve) => {
        child.stdout.once('data', () => {
          resolve(fs.readdirSync(folder));
          child.kill(name);
        });
      });
      const end = new Promise((resolve) => {
        child.on('close', (code, signal) => resolve({ code, signal }));
      });
      expect(await end).toEqual({ code: null, signal: name });
      expect(await during).toHaveLength(2);
      expect(fs.readdirSync(folder)).toEqual(['weights.safetensors']);
      expect(fs.readFileSync(file, 'utf8')).toBe('mine');
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  },
);
