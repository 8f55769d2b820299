/** Serves the page, the wasm binaries and the goldens, with ranges, isolated so that threads work. */
import * as fs from 'node:fs';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import * as path from 'node:path';

import { GOLDENS_DIR } from '../support/goldens';

const TESTS_DIR = path.resolve(import.meta.dirname, '..');
const WASM_DIR = path.resolve(TESTS_DIR, '../node_modules/@tensorflow/tfjs-backend-wasm');
const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.wasm': 'application/wasm',
};

export interface PageServer {
  url: string;
  /** Paths asked for, with their ranges. */
  requests: string[];
  close(): Promise<void>;
}

function fileOf(url: string, root: string): string {
  const { pathname } = new URL(url, 'http://localhost');
  const name = path.basename(pathname);
  if (pathname.startsWith('/wasm/')) return path.join(WASM_DIR, 'dist', name);
  // What a mirror of the published files would have under this name.
  if (pathname.startsWith('/goldens/mirror/')) {
    return path.join(GOLDENS_DIR, 'supervised_many_classes.pth');
  }
  // Weights that ship with the package, as an application would serve them.
  if (pathname.startsWith('/weights/')) return path.join(TESTS_DIR, '../weights', name);
  if (pathname.startsWith('/goldens/')) return path.join(GOLDENS_DIR, name);
  // What tests read beside themselves.
  if (pathname.startsWith('/test/')) return path.join(TESTS_DIR, pathname.slice('/test/'.length));
  return path.join(root, name || 'index.html');
}

/** What a page is served with. */
export interface PageHeaders {
  /** Whether the page is isolated, so that threads work; true by default. */
  isolated?: boolean;
  /** Content security policy. */
  policy?: string;
  /** Type of the wasm binaries. */
  wasmType?: string;
}

export async function servePage(
  root: string,
  { isolated = true, policy, wasmType = TYPES['.wasm'] }: PageHeaders = {},
): Promise<PageServer> {
  const requests: string[] = [];
  const types: Record<string, string | undefined> = { ...TYPES, '.wasm': wasmType };
  const headers = {
    ...(isolated && {
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
    }),
    ...(policy && { 'content-security-policy': policy }),
  };
  const server = http.createServer((req, res) => {
    requests.push(`${req.url} ${req.headers.range ?? '-'}`);
    const file = fileOf(req.url ?? '/', root);
    if (!fs.statSync(file, { throwIfNoEntry: false })?.isFile()) {
      res.writeHead(404).end();
      return;
    }
    const bytes = fs.readFileSync(file);
    const range = /^bytes=(\d+)-(\d*)$/.exec(req.headers.range ?? '');
    const start = range ? Number(range[1]) : 0;
    const end = range?.[2] ? Math.min(Number(range[2]) + 1, bytes.length) : bytes.length;
    res.writeHead(range ? 206 : 200, {
      'content-type': types[path.extname(file)] ?? 'application/octet-stream',
      'content-length': end - start,
      'accept-ranges': 'bytes',
      ...headers,
      ...(range ? { 'content-range': `bytes ${start}-${end - 1}/${bytes.length}` } : {}),
    });
    res.end(req.method === 'HEAD' ? undefined : bytes.subarray(start, end));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    requests,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
