/** The worker in which everything is computed: the page never waits for it. */
import type * as tfl from '@tensorflow/tfjs-layers';

import { loadCheckpoint, saveCheckpoint } from 'tfjs-revcol/weights';
import type { FromWorker, ToWorker } from '../shared/messages';
import { startBackend } from './backend';
import { failureOf } from './failure';
import { classify, keepWeights, type KeptWeights, look, makeModel } from './model';
import { DemoRun, forgetRun, keptRun } from './run';

const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent<ToWorker>) => void;
  postMessage: (message: FromWorker) => void;
};
const say = (message: FromWorker) => scope.postMessage(message);

let run: DemoRun | undefined;
/** Weights that the next run may begin from. */
let kept: KeptWeights | undefined;

async function train({ settings, data, resume }: Extract<ToWorker, { kind: 'train' }>) {
  run?.model.dispose();
  run = undefined;
  const own = new DemoRun(settings, data, kept, resume, say);
  run = own;
  await own.go();
  // Adapters are merged by now, so these are all weights.
  kept = await keepWeights(own.model, settings, data.classNames);
}

async function open({ file, settings, classNames }: Extract<ToWorker, { kind: 'open' }>) {
  const model = makeModel(settings, classNames);
  try {
    const { loaded, missing } = await loadCheckpoint(model, file, { head: 'skip', strict: false });
    if (loaded.length === 0) throw new Error('The file holds no weights of such a network');
    kept = await keepWeights(model, settings, classNames);
    return { loaded: loaded.length, missing: missing.length };
  } finally {
    model.dispose();
  }
}

async function save(): Promise<Blob> {
  if (!run) throw new Error('There is no network yet: train one first');
  const { classNames } = run.model.getUserDefinedMetadata() as { classNames: string[] };
  return saveCheckpoint(run.model, undefined, { classes: classNames });
}

/** Asks the network, where there is one. */
async function onNetwork<T>(ask: (model: tfl.LayersModel) => Promise<T>): Promise<T | null> {
  return run ? ask(run.model) : null;
}

/** What a question comes to. */
function valueOf(message: Extract<ToWorker, { id: number }>): Promise<unknown> {
  switch (message.kind) {
    case 'predict':
      return onNetwork((model) => classify(model, message.pictures));
    case 'look':
      return onNetwork((model) => look(model, message.picture));
    case 'save':
      return save();
    case 'open':
      return open(message);
    case 'kept':
      return keptRun();
    case 'forget':
      return forgetRun();
  }
}

async function obey(message: Exclude<ToWorker, { id: number }>): Promise<void> {
  switch (message.kind) {
    case 'boot':
      say({ kind: 'ready', ...(await startBackend(message.backend)) });
      return;
    case 'train':
      await train(message);
      return;
    case 'pause':
      run?.pause();
  }
}

scope.onmessage = ({ data }) => {
  if ('id' in data) {
    valueOf(data)
      .then((value) => say({ kind: 'answer', id: data.id, value }))
      .catch((error: unknown) => {
        say({ kind: 'refused', id: data.id, message: failureOf(error).message });
      });
    return;
  }
  obey(data).catch((error: unknown) => say({ kind: 'failed', ...failureOf(error) }));
};
