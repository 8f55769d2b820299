/** Threads of the pool in Node. */
import { type StartThread, THREAD_CODE } from './thread_worker';

/** What is used of Node's `worker_threads`. */
export type WorkerThreads = Pick<typeof import('node:worker_threads'), 'Worker'>;

const NODE_CODE = `${THREAD_CODE}\nwork(require('node:worker_threads').workerData);`;

/** Threads that do not keep the process alive. */
export function threadsOfNode({ Worker }: WorkerThreads): StartThread {
  return (task, onGone) => {
    // The program's own flags could make a module of the code.
    const worker = new Worker(NODE_CODE, { eval: true, execArgv: [], workerData: task });
    worker.on('error', onGone).on('exit', onGone).unref();
    return { end: () => void worker.terminate() };
  };
}
