/** A local HTTP server of one file, well behaved or not. */
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Behaviour {
  /** Answer every request with this status. */
  status?: number;
  /** Answer ranges with the whole file, as servers without them do. */
  ignoreRanges?: boolean;
  /** End the connection after so many bytes of one answer's body. */
  cutAfter?: number;
  /** Only cut answers from this request on, counted from 0. */
  cutFrom?: number;
  /** Claim so many more bytes than there are. */
  claimMore?: number;
  /** `Content-Range` with an unknown total. */
  hideTotal?: boolean;
  /** Answer from this request on as if the file had changed. */
  changesAt?: number;
}

/** Serves `content` under every path; counts requests and bytes. */
export class RangeServer {
  behaviour: Behaviour = {};
  /** Method and range of every request. */
  requests: string[] = [];
  sentBytes = 0;
  private readonly server = http.createServer((req, res) => this.answer(req, res));

  constructor(private readonly content: Uint8Array) {}

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/weights`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  behave(behaviour: Behaviour): void {
    this.behaviour = behaviour;
    this.requests = [];
    this.sentBytes = 0;
  }

  private answer(req: http.IncomingMessage, res: http.ServerResponse): void {
    const { behaviour: b } = this;
    const number = this.requests.length;
    this.requests.push(`${req.method} ${req.headers.range ?? '-'}`);
    if (b.status !== undefined) {
      res.writeHead(b.status).end('no');
      return;
    }
    const changed = b.changesAt !== undefined && number >= b.changesAt;
    const content = changed ? this.content.subarray(0, -1) : this.content;
    const range = b.ignoreRanges ? null : /^bytes=(\d+)-(\d+)$/.exec(req.headers.range ?? '');
    const start = Number(range?.[1] ?? 0);
    const end = range ? Math.min(Number(range[2]) + 1, content.length) : content.length;
    if (range && start >= content.length) {
      res.writeHead(416, { 'content-range': `bytes */${content.length}` }).end();
      return;
    }
    const body = content.subarray(start, end);
    const total = b.hideTotal ? '*' : String(content.length);
    res.writeHead(range ? 206 : 200, {
      'content-length': String(body.length + (b.claimMore ?? 0)),
      ...(range ? { 'content-range': `bytes ${start}-${end - 1}/${total}` } : {}),
    });
    if (req.method === 'HEAD') {
      res.end();
      return;
    }
    const cuts = (b.cutAfter !== undefined || b.claimMore) && number >= (b.cutFrom ?? 0);
    const sent = cuts ? body.subarray(0, b.cutAfter ?? body.length) : body;
    this.sentBytes += sent.length;
    if (!cuts) res.end(sent);
    else res.write(sent, () => setTimeout(() => res.destroy(), 20));
  }
}
