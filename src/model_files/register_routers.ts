/** Answers for `file://` URLs in tfjs. */
import * as tf from '@tensorflow/tfjs-core';

import { fileSystem } from './file_system';

const SCHEME = 'file://';

type FindHandlers = (url: string) => unknown[];
type Router = Parameters<typeof tf.io.registerLoadRouter>[0];

// tfjs's types leave out that a router may give null.
const NO_HANDLER = null as unknown as tf.io.IOHandler;

/**
 * Answers `file://` as tfjs-node does (what follows is the path, relative to the working directory or
 * absolute), unless another router does. tfjs refuses a URL that two answer, and tfjs-node may be
 * imported after this: so look each time.
 */
function router(findHandlers: FindHandlers): Router {
  let looking = false;
  return (url) => {
    if (looking || typeof url !== 'string' || !url.startsWith(SCHEME)) return NO_HANDLER;
    looking = true;
    try {
      return findHandlers(url).length > 0 ? NO_HANDLER : fileSystem(url.slice(SCHEME.length));
    } finally {
      looking = false;
    }
  };
}

/** Registers the routers, once, however many copies of this module there are. */
export function registerFileRouters(): void {
  const [find, findSave] = [tf.io.getLoadHandlers, tf.io.getSaveHandlers];
  const probe = `${SCHEME}probe`;
  if (find(probe).length === 0) tf.io.registerLoadRouter(router(find));
  if (findSave(probe).length === 0) tf.io.registerSaveRouter(router(findSave));
}
