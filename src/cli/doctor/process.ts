/** Has a backend examined by a process of its own, and tells what became of that. */
import { type ChildProcess, fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import type { DoctorProgress } from '../../doctor/examine';
import { explain } from '../../doctor/reasons';
import { blankBackend, type DoctorBackend, type DoctorFinding } from '../../doctor/report';

/** What such a process says. */
export type ChildMessage =
  | { progress: DoctorProgress }
  | { backend: DoctorBackend; findings: DoctorFinding[] }
  | { failure: string };

/** What was found out: about the backend, and about its surroundings. */
export interface Examined {
  backend: DoctorBackend;
  findings: DoctorFinding[];
}

/** How a backend is examined. */
export interface ProcessOptions {
  full: boolean;
  onProgress: (progress: DoctorProgress) => void;
  /** Options for the engine of the process. Default: those of this one. */
  execArgv?: readonly string[];
  /** Seconds without a word after which it is ended. */
  patience?: number;
}

/** A little more than an examination gives a single check. */
const PATIENCE = 330;

/** What the ends of processes mean; a shell would give 128 and the number of the signal. */
const SIGNALS: Readonly<Record<string, string>> = {
  SIGSEGV: 'a driver or native library crashed',
  SIGBUS: 'a driver or native library crashed',
  SIGABRT: 'a driver or native library gave up',
  SIGILL: 'the processor lacks instructions that the native library was built for',
  SIGKILL: 'the system ended it, as it does when memory runs out',
};

/** The file of the process: in the build it is beside the command line's. */
function childFile(): { file: string; loader: string[] } {
  // Only this package's own command line has this file, and a URL.
  const own = fileURLToPath(import.meta.url);
  if (!own.endsWith('.ts')) return { file: join(dirname(own), 'doctor_child.js'), loader: [] };
  // Runs TypeScript, as in this package's own tests.
  const tsx = pathToFileURL(createRequire(own).resolve('tsx')).href;
  return { file: join(dirname(own), 'child.ts'), loader: ['--import', tsx] };
}

/**
 * Examines a backend.
 *
 * @returns never rejects: a process that crashes or hangs is told in the report
 */
export function examineInProcess(backend: string, options: ProcessOptions): Promise<Examined> {
  const { full, onProgress, execArgv = process.execArgv, patience = PATIENCE } = options;
  const { file, loader } = childFile();
  const child = fork(file, [backend, full ? 'full' : 'short'], {
    execArgv: [...execArgv, ...loader],
    // What libraries print is no part of the report.
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: { TF_CPP_MIN_LOG_LEVEL: '2', ...process.env },
  });
  return new Promise((resolve) => {
    let doing = 'starting';
    let printed = '';
    let isLate = false;
    const end = () => {
      isLate = true;
      child.kill('SIGKILL');
    };
    let timer = setTimeout(end, 1000 * patience);
    const finish = (examined: Examined) => {
      clearTimeout(timer);
      resolve(examined);
    };
    const fail = (finding: DoctorFinding) =>
      finish({ backend: { ...blankBackend(backend, 'fails'), findings: [finding] }, findings: [] });
    child.stderr?.on('data', (chunk: Buffer) => (printed = (printed + String(chunk)).slice(-4000)));
    child.on('error', (error) => fail(explain(error, backend, doing)));
    child.on('message', (message: ChildMessage) => {
      clearTimeout(timer);
      timer = setTimeout(end, 1000 * patience);
      if ('progress' in message) {
        doing = message.progress.doing;
        onProgress(message.progress);
      } else if ('failure' in message) {
        fail(explain(new Error(message.failure), backend, doing));
      } else {
        finish(message);
      }
    });
    child.on('close', (code, signal) =>
      fail(endOf({ child, code, signal, isLate, printed }, backend, doing)),
    );
  });
}

interface End {
  child: ChildProcess;
  code: number | null;
  signal: NodeJS.Signals | null;
  isLate: boolean;
  printed: string;
}

/** Why there is no report. */
function endOf(
  { code, signal, isLate, printed }: End,
  backend: string,
  doing: string,
): DoctorFinding {
  if (isLate) return explain({ name: 'TimeLimitError', message: '' }, backend, doing);
  if (/out of memory/i.test(printed)) return explain(new Error('out of memory'), backend, doing);
  const meaning = signal ? SIGNALS[signal] : undefined;
  const how = signal ? `by ${signal}` : `with status ${code}`;
  return {
    kind: 'wrong',
    code: 'crash',
    text: `${backend} ended its process ${how} while ${doing}${meaning ? `: ${meaning}` : ''}`,
    advice: 'update the driver and the package of this backend, or use another backend',
  };
}
