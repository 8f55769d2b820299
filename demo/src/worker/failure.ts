/** What has gone wrong, in words for whoever looks at the page. */
import type { FailureKind } from '../shared/messages';

/** As browsers, Emscripten and tfjs say that there is no memory left. */
const NO_MEMORY =
  /out of memory|memory left|\bOOM\b|memory access out of bounds|array buffer allocation|cannot enlarge memory|invalid typed array length|failed to (allocate|grow)|could not allocate/i;

/** Tells kinds of failures apart by what was thrown. */
export function failureOf(error: unknown): { failure: FailureKind; message: string } {
  const { name, message } = error instanceof Error ? error : { name: '', message: String(error) };
  if (name === 'BackendLostError') return { failure: 'device', message };
  if (name === 'DivergedError') return { failure: 'diverged', message };
  if (NO_MEMORY.test(message)) return { failure: 'memory', message };
  return { failure: 'other', message };
}
