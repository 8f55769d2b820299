/** What stands in for `package_file.ts` in builds for browsers and React Native. */
import type * as files from './package_file';

/** A file in the package, of which a page has only the code. */
export const findInPackage: typeof files.findInPackage = () => Promise.resolve(undefined);
