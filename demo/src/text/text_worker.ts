/** The worker of the text corner: it tells languages and learns to write, whatever the other one trains. */
import type { FromTextWorker, ToTextWorker } from '../shared/text_messages';
import { startBackend } from '../worker/backend';
import { failureOf } from '../worker/failure';
import { languageOf } from './language';
import { Writer } from './writer';

const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent<ToTextWorker>) => void;
  postMessage: (message: FromTextWorker) => void;
};
const say = (message: FromTextWorker) => scope.postMessage(message);

/** Networks as small as these are fastest on the processor. */
const started = startBackend('wasm').catch(() => startBackend('auto'));

let writer: Writer | undefined;
/** What is done before the next thing is: steps and writing of one network take turns. */
let learning = Promise.resolve();

async function learn({ settings }: Extract<ToTextWorker, { kind: 'learn' }>): Promise<void> {
  writer?.stop();
  await learning;
  writer?.dispose();
  writer = undefined;
  const own = new Writer(settings, say);
  writer = own;
  learning = own.learn().catch((error: unknown) => {
    own.stop();
    say({ kind: 'failed', what: 'writer', message: failureOf(error).message });
  });
}

async function obey(message: ToTextWorker): Promise<void> {
  await started;
  switch (message.kind) {
    case 'language':
      say({ kind: 'languages', id: message.id, shares: await languageOf(message.text) });
      return;
    case 'learn':
      await learn(message);
      return;
    case 'stop':
      writer?.stop();
      return;
    case 'write':
      if (!writer) throw new Error('It has not learned anything yet');
      await writer.ask(message.prompt);
  }
}

scope.onmessage = ({ data }) => {
  obey(data).catch((error: unknown) => {
    const what = data.kind === 'language' ? 'language' : 'writer';
    say({ kind: 'failed', what, message: failureOf(error).message });
  });
};
