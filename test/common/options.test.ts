/** A misspelt option is refused wherever options are taken, with the name that was meant. */
import * as tf from '@tensorflow/tfjs';

import * as revcol from 'tfjs-revcol';
import { cocoFolder, fileSystem } from 'tfjs-revcol/node';

const { layers } = revcol;
type Options = Record<string, unknown>;

const asOptions = (options: Options) => options as never;
const model = {} as tf.LayersModel;
const none = null as never;

/** Every function that takes options: the call, a misspelt option, what is meant, what must be there. */
const CALLS: Record<
  string,
  [call: (o: never) => unknown, misspelt: string, meant: string, o?: Options]
> = {
  revColBackbone: [layers.revColBackbone, 'colums', 'columns'],
  reversibleColumn: [layers.reversibleColumn, 'channel', 'channels'],
  levelFusion: [layers.levelFusion, 'filter', 'filters'],
  convNextBlock: [layers.convNextBlock, 'kernel_size', 'kernelSize'],
  revColStem: [layers.revColStem, 'patchsize', 'patchSize', { filters: 4 }],
  revColHead: [layers.revColHead, 'unit', 'units', { units: 4 }],
  revColImageDecoder: [layers.revColImageDecoder, 'kinds', 'kind', { channels: [4, 4] }],
  fcnHead: [layers.fcnHead, 'unit', 'units', { units: 4 }],
  uperHead: [layers.uperHead, 'pool_scales', 'poolScales', { units: 4 }],
  fpn: [layers.fpn, 'output', 'outputs', { filters: 4 }],
  rpnHead: [layers.rpnHead, 'stride', 'strides', { strides: [4] }],
  boxHead: [layers.boxHead, 'unit', 'units', { units: 4 }],
  maskHead: [layers.maskHead, 'unit', 'units', { units: 4 }],
  cascadeHead: [layers.cascadeHead, 'stride', 'strides', { units: 4, strides: [4] }],
  compoundLoss: [revcol.compoundLoss, 'image_weight', 'imageWeight'],
  cosineSchedule: [revcol.cosineSchedule, 'warmup_steps', 'warmupSteps'],
  polySchedule: [revcol.polySchedule, 'pover', 'power'],
  stepSchedule: [revcol.stepSchedule, 'mile_stones', 'milestones'],
  oneCycleSchedule: [revcol.oneCycleSchedule, 'riseshare', 'riseShare'],
  Ema: [(o) => new revcol.Ema(model, o), 'decai', 'decay'],
  mixup: [(o) => revcol.mixup(none, none, o), 'alhpa', 'alpha'],
  cutmix: [(o) => revcol.cutmix(none, none, o), 'label_smoothing', 'labelSmoothing'],
  mixupOrCutmix: [(o) => revcol.mixupOrCutmix(none, none, o), 'num_classes', 'numClasses'],
  randomErasing: [(o) => revcol.randomErasing(none, o), 'probablity', 'probability'],
  randomFlip: [(o) => revcol.randomFlip(none, o), 'directoin', 'direction'],
  randomResizedCrop: [(o) => revcol.randomResizedCrop(none, o), 'scales', 'scale'],
  randAugment: [(o) => revcol.randAugment(none, o), 'polcy', 'policy'],
  colorJitter: [(o) => revcol.colorJitter(none, o), 'brightnes', 'brightness'],
  trainingTransform: [revcol.trainingTransform, 'input_size', 'inputSize'],
  saveTraining: [(o) => revcol.saveTraining(null, o), 'optimiser', 'optimizer'],
  loadTraining: [(o) => revcol.loadTraining(none, none, o), 'hyper_parameters', 'hyperparameters'],
  fineTune: [(o) => revcol.fineTune(none, none, o), 'save_to', 'saveTo'],
  fineTuneDetector: [(o) => revcol.fineTuneDetector(none, none, o), 'mile_stones', 'milestones'],
  evaluateDetector: [(o) => revcol.evaluateDetector(model, none, o), 'short_side', 'shortSide'],
  evaluate: [(o) => revcol.evaluate(model, none, o), 'batch_size', 'batchSize'],
  MeanIoU: [(o) => new revcol.MeanIoU(o), 'num_classes', 'numClasses'],
  segment: [(o) => revcol.segment(none, none, o), 'scale', 'scales'],
  multiHeadAttention: [layers.multiHeadAttention, 'num_heads', 'numHeads', { keyDim: 2 }],
  transformerEncoderBlock: [layers.transformerEncoderBlock, 'dropuot', 'dropout', { numHeads: 2 }],
  transformerDecoderBlock: [layers.transformerDecoderBlock, 'keydim', 'keyDim', { numHeads: 2 }],
  tokenEmbedding: [layers.tokenEmbedding, 'position', 'positions', { inputDim: 4, outputDim: 4 }],
  tokenHead: [layers.tokenHead, 'nmae', 'name', { units: 4 }],
  learnedPositions: [layers.learnedPositions, 'sequencelength', 'sequenceLength'],
  sinusoidalPositions: [layers.sinusoidalPositions, 'maxWavelenght', 'maxWavelength'],
  patchEmbedding: [layers.patchEmbedding, 'input_shape', 'inputShape', { filters: 4 }],
  paddingMask: [layers.paddingMask, 'names', 'name'],
  revColLanguageModel: [layers.revColLanguageModel, 'tie_embeddings', 'tieEmbeddings'],
  translationDecoder: [layers.translationDecoder, 'dept', 'depth'],
  AdamW: [(o) => new revcol.AdamW(o), 'learning_rate', 'learningRate'],
  'a group of AdamW': [
    (o) => new revcol.AdamW({ groups: [o] }),
    'weight_decay',
    'weightDecay',
    { names: 'stem' },
  ],
  inverseSquareRootSchedule: [
    revcol.inverseSquareRootSchedule,
    'warmup_steps',
    'warmupSteps',
    { peak: 1 },
  ],
  layerDecayGroups: [(o) => revcol.layerDecayGroups(model, o), 'layerdecay', 'layerDecay'],
  trainingStep: [(o) => revcol.trainingStep(none, none, none, none, o), 'clipnorm', 'clipNorm'],
  tokenCrossEntropy: [
    (o) => revcol.tokenCrossEntropy(none, none, o),
    'label_smoothing',
    'labelSmoothing',
  ],
  createModel: [(o) => revcol.createModel('revcol_tiny', o), 'num_classes', 'numClasses'],
  'createModel with published weights': [
    (o) => revcol.createModel('revcol_tiny.in1k', o),
    'cachedir',
    'cacheDir',
    { pretrained: true },
  ],
  createVitModel: [(o) => revcol.createVitModel('revcol_vit_small', o), 'deths', 'depths'],
  createLanguageModel: [revcol.createLanguageModel, 'vocabulary_size', 'vocabularySize'],
  createTextClassifier: [revcol.createTextClassifier, 'num_heads', 'numHeads'],
  createTagger: [revcol.createTagger, 'numclasses', 'numClasses'],
  createTranslationModel: [revcol.createTranslationModel, 'decoder_depth', 'decoderDepth'],
  generate: [(o) => revcol.generate(none, none, o), 'max_new_tokens', 'maxNewTokens'],
  translate: [(o) => revcol.translate(none, none, o), 'beam', 'beams'],
  greedySearch: [(o) => revcol.greedySearch(none, none, o), 'end_id', 'endId'],
  sampleTokens: [(o) => revcol.sampleTokens(none, none, o), 'top_k', 'topK'],
  beamSearch: [(o) => revcol.beamSearch(none, none, o), 'lengthpenalty', 'lengthPenalty'],
  loadCheckpoint: [(o) => revcol.loadCheckpoint(none, none, o), 'stricts', 'strict'],
  openCheckpoint: [(o) => revcol.openCheckpoint(none, o), 'keys', 'key'],
  saveCheckpoint: [(o) => revcol.saveCheckpoint(none, undefined, o), 'other', 'others'],
  convertCheckpoint: [
    (o) => revcol.convertCheckpoint(none, revcol.filesSink(), o),
    'd_type',
    'dtype',
  ],
  fetchPretrained: [(o) => revcol.fetchPretrained(none, o), 'cache_dir', 'cacheDir'],
  removePretrained: [(o) => revcol.removePretrained(none, o), 'cacheDirs', 'cacheDir'],
  trigramIds: [(o) => revcol.trigramIds('', o), 'maxlength', 'maxLength'],
  listModels: [revcol.listModels, 'filters', 'filter'],
  preprocess: [(o) => revcol.preprocess([], o), 'input_size', 'inputSize'],
  fitImage: [(o) => revcol.fitImage(none, o), 'corp', 'crop'],
  addAdapters: [(o) => revcol.addAdapters(model, o), 'ranks', 'rank'],
  saveAdapters: [(o) => revcol.saveAdapters(model, undefined, o), 'meta_data', 'metadata'],
  loadAdapters: [(o) => revcol.loadAdapters(model, none, o), 'check_base', 'checkBase'],
  mergeAdapters: [(o) => revcol.mergeAdapters(model, o), 'kepe', 'keep'],
  memoryPlan: [(o) => revcol.memoryPlan('revcol_tiny', o), 'optimiser', 'optimizer'],
  recoverableTraining: [
    (o) => revcol.recoverableTraining(none, none, none, o),
    'keep_every',
    'keepEvery',
  ],
  SGD: [(o) => new revcol.SGD(o), 'momentun', 'momentum'],
  Lion: [(o) => new revcol.Lion(o), 'beta_1', 'beta1'],
  Adafactor: [(o) => new revcol.Adafactor(o), 'weight_decay', 'weightDecay'],
  AveragePrecision: [(o) => new revcol.AveragePrecision(o), 'categorie', 'categories'],
  evaluateCoco: [(o) => revcol.evaluateCoco(none, none, o), 'kinds', 'kind'],
  cocoSource: [(o) => revcol.cocoSource(none, none, o), 'class_names', 'classNames'],
  cocoFolder: [(o) => cocoFolder('x', 'y', o), 'thread', 'threads'],
  detectionTransform: [revcol.detectionTransform, 'short_sides', 'shortSides'],
  detectionBatch: [(o) => revcol.detectionBatch([], o), 'sizedivisors', 'sizeDivisor'],
  linearCKA: [(o) => revcol.linearCKA(none, none, o), 'estimater', 'estimator'],
  columnFeatures: [(o) => revcol.columnFeatures(none, none, o), 'poolling', 'pooling'],
  columnCKA: [(o) => revcol.columnCKA(none, none, o), 'batch_size', 'batchSize'],
  fileSystem: [(o) => fileSystem('x', o), 'shardbytes', 'shardBytes'],
};

/** What a call throws, or rejects with. */
async function messageOf(call: () => unknown): Promise<string> {
  try {
    await call();
  } catch (error) {
    return (error as Error).message;
  }
  return 'nothing';
}

test('every layer is here', () => {
  expect(Object.keys(CALLS)).toEqual(expect.arrayContaining(Object.keys(layers)));
});

test.each(Object.entries(CALLS))('%s', async (name, [call, misspelt, meant, options = {}]) => {
  const before = tf.memory().numTensors;
  const message = await messageOf(() => call(asOptions({ ...options, [misspelt]: 1 })));
  expect(message).toMatch(
    new RegExp(`: there is no option '${misspelt}'; did you mean '${meant}'\\?$`),
  );
  const [owner = ''] = name.split(' ').filter((word) => /[A-Z]/.test(word));
  expect(message.split(':')[0]?.toLowerCase()).toMatch(
    name.startsWith('a group') ? /^groups\[0\]$/ : new RegExp(owner.toLowerCase()),
  );
  if (name.startsWith('a group')) return;
  for (const wrong of [null, 5, 'options', ['list']]) {
    expect(await messageOf(() => call(wrong as never))).toMatch(
      /options are .*; expected an object/,
    );
  }
  expect(tf.memory().numTensors).toBe(before);
});

test.each(['signal', 'onProgress'])(
  '%s of another kind, wherever it is an option',
  async (name) => {
    const takers: string[] = [];
    for (const [taker, [call, , , options = {}]] of Object.entries(CALLS)) {
      const message = await messageOf(() => call(asOptions({ ...options, [name]: {} })));
      if (message.includes(`there is no option '${name}'`)) continue;
      expect(message).toMatch(
        new RegExp(`: ${name} is \\{\\}; expected (an AbortSignal, such as|a function)`),
      );
      takers.push(taker);
    }
    expect(takers).toEqual(expect.arrayContaining(['segment', 'evaluate']));
    expect(takers.length).toBeGreaterThan(5);
  },
);

test.each([
  ['lr', 'learningRate'],
  ['LR', 'learningRate'],
  ['wd', 'weightDecay'],
  ['eps', 'epsilon'],
])('%s, as other libraries say', (alias, meant) => {
  expect(() => new revcol.AdamW(asOptions({ [alias]: 1e-3 }))).toThrow(
    `AdamW: there is no option '${alias}'; did you mean '${meant}'?`,
  );
});

test('options that are undefined are none', () => {
  const head = layers.revColHead({ units: 2, temperature: undefined } as never);
  expect(head.getConfig()).toMatchObject({ units: 2 });
});

test('what is like nothing gets all names', () => {
  expect(() => layers.revColHead({ units: 2, temperature: 1 } as never)).toThrow(
    /RevColHead: there is no option 'temperature'; there are .*\bname, .*\bunits\b/,
  );
});

test("tfjs's own options are taken, and those that files of other versions hold", () => {
  const common = { name: 'own', trainable: true, inputShape: [8, 8, 3], batchSize: 2 };
  const rest = { dtype: 'float32', inputDType: 'float32', updatable: true, customObjects: {} };
  const layer = layers.revColBackbone({ columns: 2, ...common, ...rest } as never);
  expect(layer.batchInputShape).toEqual([2, 8, 8, 3]);
});

test('a subclass may have options of its own, and a list of their names', () => {
  class Own extends revcol.RevColHead {
    static override className = 'OwnHeadOfOptions';
    constructor(readonly args: { units: number; temperature: number }) {
      super(args);
    }
  }
  expect(new Own({ units: 2, temperature: 3 }).args.temperature).toBe(3);
  class Listed extends Own {
    static override readonly optionNames = { units: true, temperature: true };
  }
  expect(() => new Listed({ units: 2, temperatur: 3 } as never)).toThrow(
    "did you mean 'temperature'?",
  );
});
