/**
 * Node's own modules, loaded at run time so that browser bundles never see them. The package's builds
 * for browsers and React Native have `node.browser.ts` in place of this file.
 */

/** Whether this is Node (or a runtime that says it is, such as Bun or Deno). */
export function runsInNode(): boolean {
  return typeof process !== 'undefined' && typeof process.versions?.node === 'string';
}

/** Whether paths are those of Windows. */
export function runsOnWindows(): boolean {
  return process.platform === 'win32';
}

/** The version of Node, such as `'v20.11.0'`; undefined elsewhere. */
export function nodeVersion(): string | undefined {
  return runsInNode() ? process.version : undefined;
}

/** Bytes of memory that the process holds, undefined where that is not told. */
export function residentBytes(): number | undefined {
  return runsInNode() ? process.memoryUsage.rss() : undefined;
}

interface Builtins {
  crypto: typeof import('node:crypto');
  fs: typeof import('node:fs/promises');
  os: typeof import('node:os');
  path: typeof import('node:path');
  url: typeof import('node:url');
  worker_threads: typeof import('node:worker_threads');
}

const SPECIFIERS: Record<keyof Builtins, string> = {
  crypto: 'crypto',
  fs: 'fs/promises',
  os: 'os',
  path: 'path',
  url: 'url',
  worker_threads: 'worker_threads',
};

/** Loads one of Node's modules. */
export async function nodeBuiltin<Name extends keyof Builtins>(
  name: Name,
): Promise<Builtins[Name]> {
  // Put together at run time: bundlers resolve literal specifiers, and no page has these.
  const specifier = `node:${SPECIFIERS[name]}`;
  return (await import(/* webpackIgnore: true */ /* @vite-ignore */ specifier)) as Builtins[Name];
}
