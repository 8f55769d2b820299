/** Tests with the golden tensors. */
import { HAVE_GOLDENS } from './golden_files';

export * from './golden_files';

/** `describe`, but skipped where the goldens are absent; `announce.ts` says so, once. */
export function describeGoldens(title: string, body: () => void): void {
  if (HAVE_GOLDENS) describe(title, body);
  // Not its body, which may read them.
  else describe.skip(title, () => test('needs the goldens', () => undefined));
}
