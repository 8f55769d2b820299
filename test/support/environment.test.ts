import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

const ROOT = path.resolve(__dirname, '../..');

interface Report {
  testResults: {
    message: string;
    assertionResults: { title: string; status: string; failureMessages: string[] }[];
  }[];
}

/** What jest reports of `noisy_tests.ts`. */
function report(): Report['testResults'][number] {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-noise-'));
  try {
    const output = path.join(folder, 'report.json');
    const jest = path.join(path.dirname(require.resolve('jest/package.json')), 'bin/jest.js');
    const tests = path.join(__dirname, 'noisy_tests.ts');
    spawnSync(
      process.execPath,
      [jest, '--json', '--outputFile', output, '--testMatch', tests, '--runInBand'],
      { cwd: ROOT },
    );
    const { testResults } = JSON.parse(fs.readFileSync(output, 'utf8')) as Report;
    return testResults[0] as Report['testResults'][number];
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

test('what prints or leaves a file open fails, and says of what', () => {
  const { assertionResults, message } = report();
  expect(assertionResults).toHaveLength(6);
  for (const { title, status, failureMessages } of assertionResults) {
    const [, what] = /^fails: (.*)/.exec(title) ?? [];
    expect({ title, status }).toEqual({ title, status: what ? 'failed' : 'passed' });
    if (what) expect(failureMessages.join()).toContain(what.replace('%s', 'dropped'));
  }
  expect(message).toContain('console.log: after the tests');
  if (process.platform === 'linux') expect(message).toMatch(/left open: .*noisy_tests\.ts/);
});
