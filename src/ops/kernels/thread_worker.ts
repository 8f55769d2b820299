/** The threads of the pool: their code, and how pages start them. */
import { ARGUMENTS_AT, MAX_ARGUMENTS, MAX_PARTS, STATE, WORD } from './thread_layout';

/** What a thread is given. */
export interface ThreadTask {
  /** The package's module, and the memory that it works on. */
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  /** Words and arguments, see `thread_layout.ts`. */
  control: SharedArrayBuffer;
  /** Which thread this is, from 0. */
  index: number;
  /** Address of its scratch memory. */
  scratch: number;
  /** Kernels by number. */
  names: readonly string[];
  /** Turns of looking for work before it sleeps. */
  spins: number;
  /** Milliseconds of sleep after which it ends. */
  idle: number;
}

/** A thread, from outside. */
export interface Thread {
  end(): void;
}

/** Starts a thread; `onGone` is called once it has ended for whatever reason. */
export type StartThread = (task: ThreadTask, onGone: () => void) => Thread;

const ARGUMENTS = Array.from({ length: MAX_ARGUMENTS }, (_, i) => `a[at + ${i}]`).join(', ');

/**
 * The code as text, which needs no file beside the bundle and survives whatever a bundler does to names.
 * A part belongs to whoever brings LEFT down from above 0. So a thread that comes late, or never, costs
 * nothing, and one that wakes up between two pieces of work finds nothing to take.
 */
export const THREAD_CODE = `
function work({ module, memory, control, index, scratch, names, spins, idle }) {
  const words = new Int32Array(control, 0, ${ARGUMENTS_AT / 4});
  try {
    const { exports } = new WebAssembly.Instance(module, { env: { memory } });
    const kernels = names.map((name) => exports[name]);
    const a = new Float64Array(control, ${ARGUMENTS_AT}, ${MAX_PARTS * MAX_ARGUMENTS});
    Atomics.store(words, ${WORD.STATES} + index, ${STATE.READY});
    let turns = 0;
    while (Atomics.load(words, ${WORD.STOP}) === 0) {
      if (Atomics.load(words, ${WORD.LEFT}) > 0) {
        const part = Atomics.sub(words, ${WORD.LEFT}, 1) - 1;
        if (part < 0) continue;
        const at = part * ${MAX_ARGUMENTS};
        const own = words[${WORD.SCRATCH_ARGUMENT}];
        if (own >= 0) a[at + own] = scratch;
        try {
          kernels[words[${WORD.KERNEL}]](${ARGUMENTS});
        } catch {
          words[${WORD.FAILED} + part] = 1;
        }
        Atomics.add(words, ${WORD.DONE}, 1);
        Atomics.notify(words, ${WORD.DONE});
        turns = 0;
      } else if (++turns > spins) {
        const epoch = Atomics.load(words, ${WORD.EPOCH});
        if (Atomics.load(words, ${WORD.LEFT}) > 0 || Atomics.load(words, ${WORD.STOP}) !== 0) continue;
        if (Atomics.wait(words, ${WORD.EPOCH}, epoch, idle) === 'timed-out') break;
        turns = 0;
      }
    }
  } finally {
    Atomics.store(words, ${WORD.STATES} + index, ${STATE.GONE});
  }
}
`;

const PAGE_CODE = `${THREAD_CODE}\nonmessage = ({ data }) => { work(data); close(); };`;

let pageCode: string | undefined;

/** Threads of a page, or of a worker of a page. */
export const startPageThread: StartThread = (task, onGone) => {
  pageCode ??= URL.createObjectURL(new Blob([PAGE_CODE], { type: 'text/javascript' }));
  const worker = new Worker(pageCode);
  worker.onerror = (event) => {
    event.preventDefault();
    onGone();
  };
  worker.postMessage(task);
  return { end: () => worker.terminate() };
};
