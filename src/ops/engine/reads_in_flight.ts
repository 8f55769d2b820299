/** Reads that nobody waits for, until they have come back: each holds a tensor. */

const inFlight = new Set<Promise<void>>();

/** Counts a read until it has come back, or failed, which nobody hears of. */
export function letRead(read: Promise<unknown>): void {
  const settled = read
    .then(() => undefined)
    .catch(() => undefined)
    .finally(() => inFlight.delete(settled));
  inFlight.add(settled);
}

/** Resolves when all that was asked for has come back. */
export async function readsSettled(): Promise<void> {
  // A read may be due at the end of the present task.
  await Promise.resolve();
  while (inFlight.size > 0) await Promise.all(inFlight);
}
