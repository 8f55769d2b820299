/** Weights that ship with this package, where it is installed. */
import { ifThere } from '../common/if_there';
import { nodeBuiltin } from '../common/node';
import { ownFile } from '../common/own_file';
import { type Downloadable, wantedFile } from './facts';

/**
 * The path of a record's file in this package; undefined for one that does not ship with it, and where the
 * file is not found or not whole, or this package is not found, as in a bundle that somebody has made of it.
 *
 * @throws {Error} when the record's sources contradict each other
 */
export async function findInPackage(record: Downloadable): Promise<string | undefined> {
  const { packageFile } = record;
  const { sha256 } = wantedFile(record);
  // Without a checksum any file of that name would do.
  if (packageFile === undefined || sha256 === undefined) return undefined;
  const [crypto, fs] = [await nodeBuiltin('crypto'), await nodeBuiltin('fs')];
  const [path, url] = [await nodeBuiltin('path'), await nodeBuiltin('url')];
  const own = ownFile(import.meta.url, url.fileURLToPath);
  if (own === undefined) return undefined;
  // Where Node looks for packages, from this file upwards; the package itself comes first.
  let folder = path.dirname(own);
  for (;;) {
    for (const root of [folder, path.join(folder, 'node_modules', 'tfjs-revcol')]) {
      const file = path.join(root, packageFile);
      const bytes = await ifThere(fs.readFile(file));
      if (bytes && crypto.createHash('sha256').update(bytes).digest('hex') === sha256) return file;
    }
    const above = path.dirname(folder);
    if (above === folder) return undefined;
    folder = above;
  }
}
