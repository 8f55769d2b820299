/** Downloads one file in a process of its own: URL, file name, cache folder. Prints the path. */
import { fetchPretrained } from '../../src/download/fetch_pretrained';

const [url = '', fileName = '', cacheDir = ''] = process.argv.slice(2);

void fetchPretrained({ fileName, sources: [{ url }] }, { cacheDir }).then((file) =>
  process.stdout.write(String(file)),
);
