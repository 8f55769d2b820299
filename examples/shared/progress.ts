/** The progress bar of the examples, on stderr. */
import { SingleBar } from 'cli-progress';

export interface Progress {
  /** One step is done; `note` says how it went, such as the loss. */
  step(note: string): void;
  stop(): void;
}

/**
 * A bar of `total` steps; where stderr is no terminal, a line every 20 seconds; without a label,
 * nothing.
 */
export function startProgress(label: string | undefined, total: number): Progress {
  if (label === undefined) return { step: () => undefined, stop: () => undefined };
  const bar = new SingleBar({
    format: `${label} {bar} {percentage}% | {value}/{total} | {note} | {eta_formatted} left`,
    barCompleteChar: '#',
    barIncompleteChar: '.',
    barsize: 24,
    hideCursor: true,
    etaBuffer: 50,
    noTTYOutput: true,
    notTTYSchedule: 20000,
  });
  bar.start(total, 0, { note: '' });
  return {
    step: (note) => bar.increment(1, { note }),
    stop: () => bar.stop(),
  };
}
