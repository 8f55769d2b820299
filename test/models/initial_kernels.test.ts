/** What the kernels of blocks start as, in all models of text. */
import * as tf from '@tensorflow/tfjs';

import {
  createLanguageModel,
  createTagger,
  createTextClassifier,
  createTranslationModel,
} from 'tfjs-revcol';
import { useBackend } from '../support/backends';

const WIDTH = 32;
const SMALL = { width: WIDTH, numHeads: 2, columns: 2, depths: [1, 1] };

const MODELS: Record<string, [create: (o: object) => tf.LayersModel, usual: number]> = {
  createLanguageModel: [(o) => createLanguageModel({ ...SMALL, vocabularySize: 9, ...o }), 0.02],
  createTextClassifier: [
    (o) => createTextClassifier({ ...SMALL, vocabularySize: 9, numClasses: 3, ...o }),
    0.02,
  ],
  createTagger: [(o) => createTagger({ ...SMALL, vocabularySize: 9, numClasses: 3, ...o }), 0.02],
  createTranslationModel: [
    (o) =>
      createTranslationModel({
        ...SMALL,
        sourceVocabularySize: 9,
        targetVocabularySize: 9,
        decoderDepth: 1,
        ...o,
      }),
    Math.sqrt(2 / (5 * WIDTH)),
  ],
};

/** Of a normal distribution that is cut at two deviations, over the deviation before. */
const CUT = 0.88;

test.each(Object.entries(MODELS))('%s', async (_, [create, usual]) => {
  await useBackend('cpu');
  for (const [options, expected] of [
    [{}, usual],
    [{ initializerRange: 0.25 }, 0.25],
  ] as const) {
    const model = create(options);
    const kernels = model.weights.filter(({ originalName }) =>
      /block_\d\/.*(expand|project)\/kernel/.test(originalName),
    );
    expect(kernels.length).toBeGreaterThanOrEqual(8);
    for (const kernel of kernels) {
      const deviation = tf.tidy(() =>
        Math.sqrt(tf.moments(kernel.read()).variance.dataSync()[0] as number),
      );
      expect(deviation / (CUT * expected)).toBeGreaterThan(0.93);
      expect(deviation / (CUT * expected)).toBeLessThan(1.07);
    }
    model.dispose();
  }
});
