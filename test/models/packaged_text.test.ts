/** The weights of a text classifier that ship with the package: found without a network, whole, and good. */
import 'tfjs-revcol/layers';
import * as fs from 'node:fs';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import { pretrainedWeights, segmentationWeights, textWeights } from 'tfjs-revcol/weights';
import { tensorSource } from '../../src/data/tensor_source';
import { fetchPretrained } from '../../src/download/fetch_pretrained';
import { fineTune } from '../../src/finetune/classifier/fine_tune';
import { createModel } from '../../src/models/create_model';
import { preprocessTexts } from '../../src/text/preprocess_texts';
import { loadCheckpoint } from '../../src/weights/load_checkpoint';
import { describeBackends, expectNoLeak, useBackend } from '../support/backends';

const NAME = 'revcol_text_femto.languages';
const ROOT = path.resolve(__dirname, '../..');

/** Article 1 of the Universal Declaration of Human Rights, its first sentence, of the test part. */
const SENTENCES = {
  cs: 'V\u0161ichni lid\u00e9 rod\u00ed se svobodn\u00ed a sob\u011b rovn\u00ed co do d\u016fstojnosti a pr\u00e1v.',
  de: 'Alle Menschen sind frei und gleich an W\u00fcrde und Rechten geboren.',
  en: 'All human beings are born free and equal in dignity and rights.',
  fi: 'Kaikki ihmiset syntyv\u00e4t vapaina ja tasavertaisina arvoltaan ja oikeuksiltaan.',
  fr: 'Tous les \u00eatres humains naissent libres et \u00e9gaux en dignit\u00e9 et en droits.',
  it: 'Tutti gli esseri umani nascono liberi ed eguali in dignit\u00e0 e diritti.',
  ru: '\u0412\u0441\u0435 \u043b\u044e\u0434\u0438 \u0440\u043e\u0436\u0434\u0430\u044e\u0442\u0441\u044f \u0441\u0432\u043e\u0431\u043e\u0434\u043d\u044b\u043c\u0438 \u0438 \u0440\u0430\u0432\u043d\u044b\u043c\u0438 \u0432 \u0441\u0432\u043e\u0435\u043c \u0434\u043e\u0441\u0442\u043e\u0438\u043d\u0441\u0442\u0432\u0435 \u0438 \u043f\u0440\u0430\u0432\u0430\u0445.',
};

/** A network that is not there. */
const offline = {
  fetch: () => Promise.reject(new Error('offline')),
  retries: 1,
  retryDelayMs: 1,
};

describeBackends('packaged weights of a text classifier', () => {
  test('tell the language of sentences', async () => {
    await expectNoLeak(async () => {
      const model = await createModel(NAME, { pretrained: true, ...offline });
      const record = textWeights(NAME);
      const ids = preprocessTexts(Object.values(SENTENCES), record);
      const logits = model.predict(ids) as tf.Tensor;
      const guesses = tf.argMax(logits, -1);
      const found = [...(await guesses.data())].map((i) => record.classNames[i]);
      tf.dispose([ids, logits, guesses]);
      model.dispose();
      expect(found).toEqual(Object.keys(SENTENCES));
    });
  });
});

describe('the file and its record', () => {
  beforeAll(() => useBackend('wasm'));

  test('it is where the record says, and tells the classes', async () => {
    const record = textWeights(NAME);
    const found = await fetchPretrained(record, offline);
    expect(found).toBe(path.join(ROOT, record.packageFile));
    expect(fs.statSync(found as string).size).toBe(record.sources[0]?.bytes);
    expect(fs.statSync(found as string).size).toBeLessThan(400_000);
    const model = createModel(NAME);
    const { classes } = await loadCheckpoint(model, found);
    expect(classes).toEqual(record.classNames);
    model.dispose();
  });

  test('other classes begin at random, other forms are refused', async () => {
    const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
    const model = await createModel(NAME, { pretrained: true, numClasses: 3, ...offline });
    expect(model.outputs[0]?.shape).toEqual([null, 3]);
    expect(warn).toHaveBeenCalledTimes(1);
    model.dispose();
    warn.mockRestore();
    const before = tf.memory().numTensors;
    await expect(createModel(NAME, { pretrained: true, width: 16 })).rejects.toThrow('shape');
    expect(() => createModel(NAME, { inputShape: [28, 28, 1] } as never)).toThrow(
      "there is no option 'inputShape'",
    );
    const forImages = { pretrained: true, inputChannels: 'adapt' } as never;
    expect(() => createModel(NAME, forImages)).toThrow("there is no option 'inputChannels'");
    expect(tf.memory().numTensors).toBe(before);
  });

  test('functions for pictures say what it is', async () => {
    expect(() => pretrainedWeights(NAME)).toThrow(
      `names a classifier of texts; textWeights('${NAME}') gives its record`,
    );
    expect(() => segmentationWeights(NAME)).toThrow('names a classifier of texts');
    expect(() => textWeights('revcol_tiny')).toThrow(`the classifiers of texts are ${NAME}`);
    const pictures = await tensorSource(
      { data: new Uint8Array(4 * 64 * 3), shape: [4, 8, 8, 3] },
      [0, 1, 0, 1],
      { classNames: ['a', 'b'] },
    );
    await expect(fineTune(NAME as never, pictures)).rejects.toThrow(
      `${NAME} is a classifier of texts; expected one of images`,
    );
  });
});
