/** Ctrl-C in the middle of writing: what is unfinished goes first, then the process. */

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Runs work that stops, and clears away what it has begun, when its signal is aborted. The process
 * then ends by the signal that it got, as without this; a second one ends it at once.
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let received: NodeJS.Signals | undefined;
  const stop = (name: NodeJS.Signals) => {
    received = name;
    forget();
    controller.abort(new Error(`interrupted by ${name}`));
  };
  const forget = () => SIGNALS.forEach((name) => process.off(name, stop));
  SIGNALS.forEach((name) => process.on(name, stop));
  try {
    return await work(controller.signal);
  } finally {
    forget();
    if (received) process.kill(process.pid, received);
  }
}
