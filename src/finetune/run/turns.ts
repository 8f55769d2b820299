/** Turns of the event loop. */

/** Lets events be handled: on the CPU nothing of a step waits. In a page that is hidden, too. */
export function nextTurn(): Promise<void> {
  const { setImmediate: soon } = globalThis as { setImmediate?: (f: () => void) => unknown };
  return new Promise((resolve) => {
    if (soon) soon(resolve);
    else setTimeout(resolve, 0);
  });
}
