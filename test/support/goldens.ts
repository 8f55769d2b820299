/** Tests with the golden tensors. */
import { HAVE_GOLDENS } from './golden_files';

export * from './golden_files';

/** `describe`, but skipped where the goldens are absent; `announce.ts` says so, once. */
export const describeGoldens: jest.Describe = HAVE_GOLDENS
  ? describe
  : (describe.skip as jest.Describe);
