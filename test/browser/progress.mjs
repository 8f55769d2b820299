import { writeSync } from 'node:fs';

/** Tells each test of a long run as it ends, which Jest by itself does at the end of a file of tests. */
export default class Progress {
  onTestCaseResult(_, { status, duration, ancestorTitles, title }) {
    if (status === 'pending') return;
    const seconds = ((duration ?? 0) / 1000).toFixed(0);
    const name = [...ancestorTitles, title].join(' > ');
    // Not through the stream, which tests must leave alone, and which is theirs where Jest has no workers.
    writeSync(2, `${status} ${name} (${seconds} s)\n`);
  }
}
