/** What a thrown value says. */

/** The message of anything that was thrown, and of what caused it: undici says only "fetch failed". */
export function messageOf(error: unknown): string {
  // By shape, not instanceof: errors of another realm (a test runner's, a frame's) count too.
  const { message, cause } = (error ?? {}) as { message?: unknown; cause?: unknown };
  if (typeof message !== 'string') return String(error);
  const { message: reason } = (cause ?? {}) as { message?: unknown };
  if (typeof reason !== 'string' || reason === '') return message;
  // Whoever wraps an error mostly repeats what it says.
  return message.includes(reason) ? message : `${message} (${reason})`;
}
