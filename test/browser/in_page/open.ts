/** Loads the tests into the page, or into a worker that it hands calls on to. */
import { ENVIRONMENT } from './environment';
import type { Calls } from './run_tests';

const CALLS: readonly (keyof Calls)[] = ['start', 'runFile'];

function openWorker(): void {
  const type = ENVIRONMENT.where === 'module worker' ? 'module' : 'classic';
  const worker = new Worker('/tests.js', { type, name: self.name });
  const ask = (name: string, argument: string) =>
    new Promise((resolve, reject) => {
      worker.onerror = ({ message }) => reject(new Error(message));
      worker.onmessage = ({ data }: MessageEvent<{ result?: unknown; error?: string }>) => {
        if (data.error == null) resolve(data.result);
        else reject(new Error(data.error));
      };
      worker.postMessage([name, argument]);
    });
  for (const name of CALLS) {
    Object.assign(globalThis, { [name]: (argument: string) => ask(name, argument) });
  }
}

if (ENVIRONMENT.where === 'page')
  document.head.append(Object.assign(document.createElement('script'), { src: '/tests.js' }));
else openWorker();
