/**
 * What the shared tests use of Node, in a page: files are read from the server, and synchronously, as
 * tests read them.
 */

/** Of `node:path`. */
export const join = (...parts: string[]): string => parts.join('/').replace(/\/\.\//g, '/');

/** Of `node:path`: from the last absolute path on. */
export function resolve(...parts: string[]): string {
  const absolute = parts.map((part) => part.startsWith('/') || part.includes('://'));
  return join(...parts.slice(Math.max(0, absolute.lastIndexOf(true))));
}

export const sep = '/';
export const basename = (file: string): string => file.slice(file.lastIndexOf(sep) + 1);
export const dirname = (file: string): string => file.slice(0, file.lastIndexOf(sep));
export const isAbsolute = (file: string): boolean => file.startsWith(sep);
export const relative = (_: string, file: string): string => file;

function request(method: string, url: string): XMLHttpRequest {
  const request = new XMLHttpRequest();
  request.open(method, url, false);
  // A page may not ask for bytes synchronously; these are characters of one byte each.
  request.overrideMimeType('text/plain; charset=x-user-defined');
  request.send();
  return request;
}

/** Of `node:fs`. */
export function existsSync(file: string): boolean {
  return request('HEAD', file).status === 200;
}

export function readFileSync(file: string): Uint8Array<ArrayBuffer>;
export function readFileSync(file: string, encoding: 'utf8'): string;
export function readFileSync(file: string, encoding?: 'utf8'): Uint8Array<ArrayBuffer> | string {
  const { status, responseText } = request('GET', file);
  if (status !== 200) throw new Error(`the page's server answers ${status} for ${file}`);
  const bytes = Uint8Array.from(responseText, (character) => character.charCodeAt(0));
  return encoding ? new TextDecoder().decode(bytes) : bytes;
}

/** Of `node:async_hooks`, which Jest's runner uses for tests that run at the same time; none do. */
export class AsyncLocalStorage<T> {
  private store: T | undefined;

  getStore(): T | undefined {
    return this.store;
  }

  run<R>(store: T, fn: () => R): R {
    this.store = store;
    return fn();
  }
}

/** Of `node:process` and the global of that name. */
export const platform = 'browser';
export const env: Record<string, string | undefined> = {
  REVCOL_GOLDENS: `${location.origin}/goldens`,
};
export const argv: string[] = [];
export const versions: Record<string, string | undefined> = {};
export const cwd = (): string => '/';
/** No stream is a terminal, so what writes messages uses no colours. */
export const isatty = (): boolean => false;
export const release = (): string => '';

/** Of `node:util`, with which Jest writes titles of tests: `%s`, `%d`, `%i`, `%f`, `%j`, `%o`, `%%`. */
export function format(text: string, ...values: unknown[]): string {
  const filled = text.replace(/%([sdifjo%])/g, (all, kind) => {
    if (kind === '%') return '%';
    if (values.length === 0) return all;
    const value = values.shift();
    return kind === 'j' || kind === 'o' ? JSON.stringify(value) : String(value);
  });
  return [filled, ...values.map(String)].join(' ');
}

/** Of `node:assert`, whose errors Jest's runner words anew; no test throws one. */
export class AssertionError extends Error {}
