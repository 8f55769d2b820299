/**
 * Node as the tests see it, and what they may not leave: a test that prints fails, and so does a
 * file of tests that prints outside of them or leaves a file open.
 *
 * A test that provokes a warning catches and asserts it, by `jest.spyOn(console, 'warn')` with a
 * `mockImplementation()`.
 */
import * as fs from 'node:fs';
import { format } from 'node:util';
import type { Circus } from '@jest/types';
import { TestEnvironment } from 'jest-environment-node';

import { shareScripts } from './shared_scripts';

shareScripts();

const METHODS = ['log', 'info', 'warn', 'error', 'debug', 'dir', 'table', 'trace'] as const;

/** What tfjs's cpu backend says when it starts; tfjs can only be silenced as a whole. */
const GREETING = 'looks like you are running TensorFlow.js in Node.js';

/** Open files by descriptor and path, as far as the system tells: no pipes, sockets, devices. */
function openFiles(): Set<string> {
  const found = new Set<string>();
  if (process.platform !== 'linux') return found;
  for (const descriptor of fs.readdirSync('/proc/self/fd')) {
    try {
      const path = fs.readlinkSync(`/proc/self/fd/${descriptor}`);
      // Memory that a graphics driver shares looks like a file, too.
      const isFile = path.startsWith('/') && !/^\/((dev|proc|sys)\/|memfd:)/.test(path);
      if (isFile) found.add(`${path} (descriptor ${descriptor})`);
    } catch {
      // That of the listing itself.
    }
  }
  return found;
}

export default class QuietEnvironment extends TestEnvironment {
  private readonly printed: string[] = [];
  private readonly undo: (() => void)[] = [];
  private printing = false;
  private openBefore = new Set<string>();

  override async setup(): Promise<void> {
    await super.setup();
    this.openBefore = openFiles();
    this.watchConsole();
    this.watchStream('stdout');
    this.watchStream('stderr');
    this.watchWarnings();
  }

  override async teardown(): Promise<void> {
    this.undo.splice(0).forEach((restore) => restore());
    await super.teardown();
  }

  /** jest-circus calls this after it has noted the event itself, and before it reports the test. */
  async handleTestEvent(
    event: Circus.AsyncEvent | Circus.SyncEvent,
    state: Circus.State,
  ): Promise<void> {
    if (event.name === 'test_done') {
      const error = this.takePrinted();
      if (error) event.test.errors.push(error);
    } else if (event.name === 'run_finish') {
      const left = await this.filesLeft();
      const open = left.length > 0 ? new Error(`left open: ${left.join(', ')}`) : undefined;
      for (const error of [this.takePrinted(), open]) if (error) state.unhandledErrors.push(error);
    }
  }

  /** Files that stay open. What TensorFlow looks at in threads of its own as it starts does not. */
  private async filesLeft(): Promise<string[]> {
    for (let attempt = 0; ; attempt++) {
      const left = [...openFiles()].filter((file) => !this.openBefore.has(file));
      if (left.length === 0 || attempt === 5) return left;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Everything printed since the last call as one error. */
  private takePrinted(): Error | undefined {
    const all = this.printed.splice(0);
    if (all.length === 0) return undefined;
    const error = new Error(
      `printed, which no test may; one that provokes a warning catches and asserts it:\n\n` +
        all.join('\n\n'),
    );
    error.stack = error.message;
    return error;
  }

  private note(what: string, text: string): void {
    const { stack = '' } = new Error();
    const frames = stack.split('\n').slice(1);
    const callers = frames.filter((frame) => !frame.includes('support/environment.ts'));
    this.printed.push(`${what}: ${text.trimEnd()}\n${callers.slice(0, 8).join('\n')}`);
  }

  private watchConsole(): void {
    const { console } = this.global;
    for (const method of METHODS) {
      const print = console[method].bind(console) as (...args: unknown[]) => void;
      console[method] = (...args: unknown[]) => {
        const text = format(...args);
        if (text.includes(GREETING)) return;
        this.note(`console.${method}`, text);
        // Jest's console writes to a stream.
        this.printing = true;
        print(...args);
        this.printing = false;
      };
    }
  }

  private watchStream(name: 'stdout' | 'stderr'): void {
    const stream = process[name];
    const { write } = stream;
    const pass = write.bind(stream) as (...args: unknown[]) => boolean;
    stream.write = ((...args: unknown[]) => {
      if (!this.printing) this.note(name, String(args[0]));
      return pass(...args);
    }) as typeof write;
    this.undo.push(() => (stream.write = write));
  }

  private watchWarnings(): void {
    const listener = (warning: Error): void => {
      // Node prints these of any package, once a process.
      if (/^(Deprecation|Experimental)Warning$/.test(warning.name)) return;
      this.printed.push(`a warning of Node's: ${warning.stack ?? warning.message}`);
    };
    process.on('warning', listener);
    this.undo.push(() => process.off('warning', listener));
  }
}
