import * as tf from '@tensorflow/tfjs';

import { greedySearch, KeyValueCache, translate, translationSteps } from 'tfjs-revcol';
import { describeBackends, expectClose, expectNoLeak } from '../support/backends';
import { ids, logitsOf, smallModel, SOURCES, TARGET_VOCABULARY } from './small_translation_model';

const [START, END] = [1, 2];

/** Scores of all translations of at most `longest` tokens, whole sequences at a time, no cache. */
function exhaustive(model: tf.LayersModel, source: readonly number[], longest: number) {
  const found: { ids: number[]; logProb: number; score: number }[] = [];
  const visit = (prefix: number[], logProb: number): void => {
    const logits = logitsOf(model, [source], [[START, ...prefix]])[0]?.at(-1) as number[];
    const allowed = logits.map((x, id) => (id === 0 || id === START ? -Infinity : x));
    const sum = allowed.reduce((s, x) => s + Math.exp(x), 0);
    allowed.forEach((x, id) => {
      const next = logProb + x - Math.log(sum);
      if (!(next > -Infinity)) return;
      const ended = id === END;
      const all = ended ? prefix : [...prefix, id];
      const length = prefix.length + 1;
      if (!ended && length < longest) return visit(all, next);
      found.push({ ids: all, logProb: next, score: next / ((5 + length) / 6) ** 0.6 });
    });
  };
  visit([], 0);
  return found.sort((a, b) => b.score - a.score);
}

describeBackends('translate', () => {
  let model: tf.LayersModel;
  beforeAll(() => {
    model = smallModel();
  });
  afterAll(() => model.dispose());

  test('with a cache, step by step, as without: also after reordering the batch', async () => {
    const targets = [
      [START, 3, 5, 4],
      [START, 4, 4, 2],
    ];
    await expectNoLeak(() => {
      const steps = translationSteps(model, SOURCES);
      const cache = new KeyValueCache();
      const whole = logitsOf(model, SOURCES, targets);
      let order = [0, 1];
      for (let t = 0; t < 4; t++) {
        if (t === 2) {
          order = [1, 0, 1];
          cache.gather(order);
        }
        const newest = ids(order.map((i) => [targets[i]?.[t] as number]));
        const logits = steps.step(newest, cache);
        expectClose(
          logits.dataSync(),
          order.flatMap((i) => whole[i]?.[t] as number[]),
          1e-5,
        );
        tf.dispose([newest, logits]);
      }
      cache.dispose();
      steps.dispose();
    });
  });

  test('beams for everything: exhaustive search over whole sequences', async () => {
    const [source] = SOURCES.map((row) => row.filter((id) => id !== 0)) as [number[]];
    const [got] = await expectNoLeak(() =>
      translate(model, [source], {
        startId: START,
        endId: END,
        beams: 40,
        maxNewTokens: 3,
        earlyStop: false,
      }),
    );
    const expected = exhaustive(model, source, 3);
    // 1 + 3 that end at once or after one token, and 9 * 4 of three tokens.
    expect(expected.length).toBe(40);
    expect(got?.map((h) => h.ids)).toEqual(expected.map((h) => h.ids));
    got?.forEach((h, i) => expect(h.score).toBeCloseTo(expected[i]?.score as number, 4));
  });

  test('one beam is greedy search, and the rest of the batch does not matter', async () => {
    const sources = [[3, 1, 4], [8, 2, 6, 5], [7]];
    await expectNoLeak(async () => {
      const options = { startId: START, endId: END, maxNewTokens: 6 };
      const beam = await translate(model, sources, { ...options, beams: 1 });
      const steps = translationSteps(model, sources);
      const prompts = sources.map(() => [START]);
      const greedy = await greedySearch(steps, prompts, {
        maxNewTokens: 6,
        endId: END,
        suppressIds: [0, START],
      });
      steps.dispose();
      expect(beam.map(([h]) => h?.ids)).toEqual(greedy.map((d) => d.ids));
      const wide = await translate(model, sources, { ...options, beams: 3 });
      for (const [i, source] of sources.entries()) {
        const [alone] = await translate(model, [source], { ...options, beams: 3 });
        expect(alone?.map((h) => h.ids)).toEqual(wide[i]?.map((h) => h.ids));
      }
    });
  });
});

test('wrong calls are refused', async () => {
  const model = smallModel();
  const options = { startId: START, endId: END };
  await expect(expectNoLeak(() => translate(model, [], options))).rejects.toThrow('no sources');
  await expect(expectNoLeak(() => translate(model, [[3], []], options))).rejects.toThrow(
    'an empty source',
  );
  await expect(
    expectNoLeak(() => translate(model, [[3]], { ...options, beams: 0 })),
  ).rejects.toThrow(/^translate: beams is 0/);
  const given: [unknown, unknown, RegExp][] = [
    [
      [[3]],
      undefined,
      /^translate: options are undefined; expected an object such as { maxNewTokens: ... }/,
    ],
    [
      [[3]],
      { endId: END },
      /^translate: startId is undefined; expected the id of the token that starts/,
    ],
    [[[3]], { startId: START }, /^translate: endId is undefined; .* ends every target/],
    [[3], options, /^translate: sources are no list of lists of ids/],
    [[[1.5]], options, /^translate: a source token is 1.5/],
    [[[3], [3, 99]], options, /^translate: a source token is 99; expected ids from 0 to \d+, of/],
    [[[3]], { ...options, maxNewTokens: 0 }, /^translate: maxNewTokens is 0/],
    [[[3]], { ...options, suppressIds: [END] }, /^translate: endId 2 is among suppressIds/],
  ];
  for (const [sources, of, message] of given) {
    await expectNoLeak(() =>
      expect(translate(model, sources as number[][], of as typeof options)).rejects.toThrow(
        message,
      ),
    );
  }
  model.dispose();
  const other = tf.sequential({
    layers: [tf.layers.dense({ units: TARGET_VOCABULARY, inputShape: [2] })],
  });
  await expect(translate(other, [[3]], options)).rejects.toThrow(
    /^translate: .* no TranslationDecoder/,
  );
  expect(() => translationSteps(other, [[3]])).toThrow(/^translationSteps: .* no Transl/);
  other.dispose();
});
