/** What stands in for `node_threads.ts` in the package's builds for browsers and React Native. */
import type * as node from './node_threads';

/**
 * Threads of Node, which are not here.
 *
 * @throws {Error} always; this build never finds that it runs in Node
 */
export const threadsOfNode: typeof node.threadsOfNode = () => {
  throw new Error("threads of Node were asked for in tfjs-revcol's build for browsers");
};
