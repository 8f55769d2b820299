/**
 * What stands in for `node.ts` in the package's builds for browsers and React Native, which hold no
 * code of Node: some of their bundlers cannot even parse it.
 */
import type * as node from './node';

/** Whether this is Node: to this build it never is. */
export const runsInNode: typeof node.runsInNode = () => false;

/** Whether paths are those of Windows: here there are none. */
export const runsOnWindows: typeof node.runsOnWindows = () => false;

/** The version of Node: this is none. */
export const nodeVersion: typeof node.nodeVersion = () => undefined;

/** Bytes of memory that the process holds, which pages are not told. */
export const residentBytes: typeof node.residentBytes = () => undefined;

/**
 * Node's modules, which are not here.
 *
 * @throws {Error} always, as a rejection
 */
export const nodeBuiltin: typeof node.nodeBuiltin = (name) =>
  Promise.reject(
    new Error(
      `Node's module '${name}' was asked for in the build of tfjs-revcol for browsers and React ` +
        "Native. In Node itself, let no tool set the export conditions 'browser' or 'react-native'",
    ),
  );
