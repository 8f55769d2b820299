/** Says, once and before all tests, what they lack here: tests of it count as skipped. */
import { GOLDENS_DIR, HAVE_GOLDENS } from './golden_files';

export const MISSING_GOLDENS = HAVE_GOLDENS
  ? undefined
  : `no goldens in ${GOLDENS_DIR} (see CONTRIBUTING.md, "Goldens")`;

export function announce(missing: readonly (string | undefined)[]): void {
  const lines = missing.filter((what) => what !== undefined);
  if (lines.length > 0) process.stderr.write(`skipped here: ${lines.join('; ')}\n`);
}

export default function (): void {
  announce([MISSING_GOLDENS]);
}
