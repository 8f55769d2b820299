/** Where the weights that ship with this package can be downloaded from. */
/** The version that the files in this package are of: addresses name it, and its files never change. */
const VERSION = '0.2.0';

/** Places that serve what npm has, also to web pages. */
const MIRRORS = ['https://cdn.jsdelivr.net/npm/', 'https://unpkg.com/'];

/** The address of this package among others. */
export const PACKAGE_ORIGIN = 'https://www.npmjs.com/package/tfjs-revcol';

/** The sources of a file in this package. */
export function packageSources(
  packageFile: string,
  { bytes, sha256 }: { bytes: number; sha256: string },
): { url: string; bytes: number; sha256: string }[] {
  return MIRRORS.map((mirror) => ({
    url: `${mirror}tfjs-revcol@${VERSION}/${packageFile}`,
    bytes,
    sha256,
  }));
}
