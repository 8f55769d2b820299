/** Tests with the golden tensors. */
import { GOLDENS_DIR, HAVE_GOLDENS } from './golden_files';

export * from './golden_files';

/** `describe`, but skipped with a printed reason where the goldens are absent. */
export const describeGoldens: jest.Describe = HAVE_GOLDENS
  ? describe
  : (process.stderr.write(
      `goldens not found at ${GOLDENS_DIR}; set REVCOL_GOLDENS to run parity tests\n`,
    ),
    describe.skip as jest.Describe);
