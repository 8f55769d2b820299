/** Where commands write to, so that tests can read it. */
import { SingleBar } from 'cli-progress';

import { oneLine } from '../../common/harmless';

export interface Terminal {
  /** Results. */
  out(text: string): void;
  /** Everything else: warnings, errors. */
  error(text: string): void;
  /** Where progress is drawn; undefined where nobody would see it. */
  progress?: NodeJS.WriteStream;
}

/** The process's own streams; progress only where standard error is a terminal. */
export const PROCESS_TERMINAL: Terminal = {
  out: (text) => void process.stdout.write(text),
  error: (text) => void process.stderr.write(text),
  progress: process.stderr.isTTY ? process.stderr : undefined,
};

/**
 * Runs work with a progress bar.
 *
 * @param label what is being done
 * @param format how the two numbers are shown, e.g. as megabytes
 * @param work calls `report(done, total)`; an unknown total is undefined
 */
export async function withProgress<T>(
  terminal: Terminal,
  label: string,
  format: (value: number) => string,
  work: (report: (done: number, total: number | undefined) => void) => Promise<T>,
): Promise<T> {
  if (!terminal.progress) return work(() => undefined);
  const bar = new SingleBar({
    stream: terminal.progress,
    format: `${oneLine(label)} {bar} {percentage}% {done} of {all}`,
    hideCursor: true,
    clearOnComplete: true,
  });
  const numbers = (done: number, total: number) => ({ done: format(done), all: format(total) });
  bar.start(1, 0, numbers(0, 0));
  try {
    return await work((done, total) => {
      bar.setTotal(Math.max(total ?? done, 1));
      bar.update(done, numbers(done, total ?? done));
    });
  } finally {
    bar.stop();
  }
}
