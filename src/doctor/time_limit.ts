/** Gives up on what never ends: a driver that hangs, a worker that a policy keeps from starting. */

/** What was waited for did not end in time. */
export class TimeLimitError extends Error {
  override name = 'TimeLimitError';

  /** @param seconds how long it was waited for */
  constructor(readonly seconds: number) {
    super(`no answer within ${seconds} seconds`);
  }
}

/**
 * The result of some work, unless that takes longer; what it still does then is not stopped.
 *
 * @throws {TimeLimitError} as a rejection, when the time is over
 */
export async function withTimeLimit<T>(seconds: number, work: () => Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TimeLimitError(seconds)), 1000 * seconds);
  });
  try {
    return await Promise.race([work(), limit]);
  } finally {
    clearTimeout(timer);
  }
}
