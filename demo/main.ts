/**
 * Builds the page and serves it.
 *
 *   npm run demo                                  builds, then serves at http://localhost:8080/
 *   npm run demo -- --port 3000
 *   npm run demo -- --build --out out/demo        only builds
 */
import { parseArgs } from 'node:util';

import { buildDemo } from './build';
import { serveFolder } from './serve';

const { values } = parseArgs({
  options: {
    build: { type: 'boolean', default: false },
    out: { type: 'string', default: 'out/demo' },
    port: { type: 'string', default: '8080' },
  },
});
await buildDemo(values.out);
console.log(`built into ${values.out}`);
if (!values.build) {
  const { url } = await serveFolder(values.out, Number(values.port));
  console.log(`open ${url}`);
}
