/** What stands in for `node_store.ts` in builds for browsers and React Native. */
import { nodeBuiltin } from '../common/node';
import type * as store from './node_store';

/**
 * A folder for downloads, which is not to be had here.
 *
 * @throws {Error} always, as a rejection
 */
export const openNodeStore: typeof store.openNodeStore = () => nodeBuiltin('fs') as Promise<never>;
