/** A contestant's process, as the suite sees it. */
import { type ChildProcess, spawn } from 'node:child_process';
import * as readline from 'node:readline';

import { processBytes, processMs } from './machine';
import { MARK, type Ready, type Request } from './messages';

/** How a process is started. */
export interface Command {
  file: string;
  args: string[];
  env?: Record<string, string>;
}

/** Lines of what it printed that are kept to explain a failure. */
const KEPT_LINES = 40;

/** A process that answers one request after the other. */
export class WorkerProcess {
  private readonly child: ChildProcess;
  private readonly answers: AsyncIterator<object>;
  private readonly printed: string[] = [];
  private readonly ended: Promise<void>;

  constructor({ file, args, env }: Command) {
    const child = spawn(file, args, {
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.child = child;
    this.ended = new Promise((resolve) => {
      child.once('error', (error) => {
        this.keep(error.message);
        resolve();
      });
      child.once('close', () => resolve());
    });
    // One that has died refuses what is written to it; its end is told by the missing answer.
    child.stdin?.on('error', () => undefined);
    child.stderr?.setEncoding('utf8').on('data', (text: string) => this.keep(text));
    this.answers = this.readAnswers();
  }

  private keep(text: string): void {
    this.printed.push(...text.split('\n').filter((line) => line.trim() !== ''));
    this.printed.splice(0, this.printed.length - KEPT_LINES);
  }

  private async *readAnswers(): AsyncGenerator<object> {
    for await (const line of readline.createInterface({ input: this.child.stdout as never })) {
      if (line.startsWith(MARK)) yield JSON.parse(line.slice(MARK.length)) as object;
      else this.keep(line);
    }
  }

  private async nextAnswer<T extends object>(): Promise<T> {
    const { value, done } = (await this.answers.next()) as IteratorResult<object>;
    if (done) throw new Error(await this.explainEnd());
    if ('error' in value) throw new Error(String(value.error));
    return value as T;
  }

  private async explainEnd(): Promise<string> {
    await this.ended;
    const { signalCode, exitCode } = this.child;
    if (signalCode === 'SIGKILL') return 'killed by the system, which does so for want of memory';
    const line =
      this.printed.find((l) => /(Error|abort|terminate)/i.test(l)) ?? this.printed.at(-1) ?? '';
    return `ended with ${signalCode ?? `status ${exitCode}`}: ${line.trim().slice(0, 200)}`;
  }

  /** Waits until it is set up. */
  async ready(): Promise<Ready> {
    return this.tell<Ready>();
  }

  /** Waits for what it tells unasked. */
  async tell<T extends object>(): Promise<T> {
    return this.nextAnswer<T>();
  }

  async ask<T extends object>(request: Request): Promise<T> {
    this.child.stdin?.write(`${JSON.stringify(request)}\n`);
    return this.nextAnswer<T>();
  }

  /** Most memory that it has held, in bytes; null where the system does not tell. */
  residentBytes(): number | null {
    return this.child.pid === undefined ? null : processBytes(this.child.pid, 'VmHWM');
  }

  /** Processor time that it has taken so far; null where the system does not tell. */
  cpuMs(): number | null {
    return this.child.pid === undefined ? null : processMs(this.child.pid);
  }

  /** Lets it end, and waits for that. */
  async end(): Promise<void> {
    this.child.stdin?.end();
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 10_000);
    await this.ended;
    clearTimeout(timer);
  }
}
