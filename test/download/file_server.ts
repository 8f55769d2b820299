/** A local HTTP server that serves one file, well or badly, and keeps what it was asked. */
import { createCipheriv, createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import * as path from 'node:path';

/** How one request is to go wrong. */
export interface Fault {
  /** Close the connection after so many bytes of the body. */
  cutAfter?: number;
  /** Answer with this status and no file. */
  status?: number;
  headers?: Record<string, string>;
  /** Claim this Content-Length. */
  claimLength?: number;
  /** Send no Content-Length. */
  noLength?: boolean;
  /** Answer ranges with the whole file. */
  ignoreRange?: boolean;
  /** Answer with a range that starts this many bytes too late. */
  shiftRange?: number;
  /** Answer ranges even though the file has changed. */
  ignoreIfRange?: boolean;
  /** Stop sending after so many bytes, but keep the connection open. */
  hangAfter?: number;
  /** Runs before the request is answered, e.g. to change the file. */
  before?: () => void;
}

export class FileServer {
  etag: string | undefined = '"v1"';
  /** Faults of the coming requests, in order; requests after the last one go well. */
  faults: Fault[] = [];
  /**
   * Whether the client has kept so many bytes of the file. Connections are cut no sooner (nor after
   * more than 2 s of waiting): what a client has not read yet when one breaks, it never sees.
   */
  arrived: (bytes: number) => boolean = () => true;
  /** Least time before a connection is cut, in ms. */
  cutDelayMs = 20;
  /** `METHOD path range if-range` of every request, `-` where there is none. */
  readonly requests: string[] = [];
  private readonly server = http.createServer((req, res) => this.answer(req, res));
  private readonly sockets = new Set<import('node:net').Socket>();

  constructor(public content: Buffer) {
    this.server.on('connection', (socket) => {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
    });
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
  }

  get base(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get sha256(): string {
    return createHash('sha256').update(this.content).digest('hex');
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private answer(req: http.IncomingMessage, res: http.ServerResponse): void {
    const fault = this.faults.shift() ?? {};
    fault.before?.();
    const range = /^bytes=(\d+)-$/.exec(req.headers.range ?? '');
    const ifRange = req.headers['if-range'];
    this.requests.push(
      `${req.method} ${req.url} ${req.headers.range ?? '-'} ${(ifRange as string | undefined) ?? '-'}`,
    );
    if (fault.status !== undefined) {
      res.writeHead(fault.status, fault.headers ?? {}).end('no');
      return;
    }
    const { content } = this;
    let start = range && !fault.ignoreRange ? Number(range[1]) : 0;
    if (ifRange !== undefined && ifRange !== this.etag && !fault.ignoreIfRange) start = 0;
    if (start >= content.length && start > 0) {
      res.writeHead(416, { 'content-range': `bytes */${content.length}` }).end();
      return;
    }
    if (start > 0) start += fault.shiftRange ?? 0;
    const body = content.subarray(start);
    const headers: Record<string, string> = { ...fault.headers };
    if (this.etag !== undefined) headers.etag = this.etag;
    if (start > 0) {
      headers['content-range'] = `bytes ${start}-${content.length - 1}/${content.length}`;
    }
    if (!fault.noLength) headers['content-length'] = String(fault.claimLength ?? body.length);
    res.writeHead(start > 0 ? 206 : 200, headers);
    this.send(res, start, body, fault);
  }

  private send(res: http.ServerResponse, start: number, body: Buffer, fault: Fault): void {
    const { cutAfter, hangAfter } = fault;
    if (hangAfter !== undefined) {
      res.write(body.subarray(0, hangAfter));
    } else if (cutAfter !== undefined) {
      const deadline = Date.now() + 2000;
      const cut = () => {
        if (this.arrived(start + cutAfter) || Date.now() > deadline) res.destroy();
        else setTimeout(cut, 5);
      };
      res.write(body.subarray(0, cutAfter), () => setTimeout(cut, this.cutDelayMs));
    } else {
      res.end(body);
    }
  }
}

/** Seeded bytes without a period, so that a mix of wrong pieces cannot look right. */
export function randomBytes(length: number, seed: number): Buffer {
  const key = createHash('md5').update(String(seed)).digest();
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length));
}

/** Bytes that have arrived of an unfinished file, whatever its part is called; -1 without one. */
export function partBytes(cacheDir: string, fileName: string): number {
  const isPart = (name: string) => name.startsWith(`${fileName}.part`) && !/json|new/.test(name);
  const sizes = fs
    .readdirSync(cacheDir)
    .filter(isPart)
    .map((name) => fs.statSync(path.join(cacheDir, name), { throwIfNoEntry: false })?.size ?? -1);
  return Math.max(-1, ...sizes);
}
