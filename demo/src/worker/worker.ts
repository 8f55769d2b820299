/** The worker in which everything is computed: the page never waits for it. */
import type * as tfl from '@tensorflow/tfjs-layers';

import { loadCheckpoint, saveCheckpoint } from 'tfjs-revcol/weights';
import type { FromWorker, Judged, ToWorker } from '../shared/messages';
import { SHIPPED } from '../shared/network';
import { watchedOf } from '../shared/pictures';
import { startBackend } from './backend';
import { failureOf } from './failure';
import { classify, keepWeights, type KeptWeights, look, makeModel, putWeights } from './model';
import { DemoRun, forgetRun, keptRun } from './run';
import { shippedWeights } from './shipped';

const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent<ToWorker>) => void;
  postMessage: (message: FromWorker) => void;
};
const say = (message: FromWorker) => scope.postMessage(message);

let run: DemoRun | undefined;
/** The network with the shipped weights, as long as nothing has been trained. */
let brought: tfl.LayersModel | undefined;
/** Weights that the next run may begin from. */
let kept: KeptWeights | undefined;

/** What is asked. */
const network = () => run?.model ?? brought;

function disposeNetworks(): void {
  run?.model.dispose();
  brought?.dispose();
  [run, brought] = [undefined, undefined];
}

async function bring({ settings, data }: Extract<ToWorker, { kind: 'bring' }>): Promise<Judged> {
  const weights = await shippedWeights(SHIPPED[settings.data]);
  disposeNetworks();
  brought = makeModel(settings, data.classNames);
  putWeights(brought, weights);
  const { held } = data;
  const answers = await classify(brought, held);
  const isRight = (probabilities: number[], i: number) =>
    probabilities.indexOf(Math.max(...probabilities)) === held.labels[i];
  return {
    probabilities: watchedOf(held).map((i) => answers[i] as number[]),
    right: answers.filter(isRight).length,
  };
}

async function train({ settings, data, resume }: Extract<ToWorker, { kind: 'train' }>) {
  // A run that goes on has its weights.
  const isShipped = settings.begin === 'shipped' && !resume;
  const from = isShipped ? await shippedWeights(SHIPPED[settings.data]) : kept;
  disposeNetworks();
  const own = new DemoRun(settings, data, from, resume, say);
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
  const model = network();
  return model ? ask(model) : null;
}

/** What a question comes to. */
function valueOf(message: Extract<ToWorker, { id: number }>): Promise<unknown> {
  switch (message.kind) {
    case 'predict':
      return onNetwork((model) => classify(model, message.pictures));
    case 'bring':
      return bring(message);
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
