import * as tf from '@tensorflow/tfjs';

import { beamSearch, greedySearch, type Hypothesis, sampleTokens } from 'tfjs-revcol';
import { expectNoLeak, useBackend } from '../support/backends';
import { logProbs, randomTable, type Table, TableModel } from './table_model';

const END = 2;

/** Every sequence that ends, or is as long as allowed, best first. */
function exhaustive(
  table: Table,
  prompt: readonly number[],
  maxNewTokens: number,
  lengthPenalty: number,
): Hypothesis[] {
  const found: Hypothesis[] = [];
  const visit = (ids: number[], logProb: number): void => {
    logProbs(table([...prompt, ...ids])).forEach((next, id) => {
      const ended = id === END;
      const all = ended ? ids : [...ids, id];
      const length = ids.length + 1;
      if (!ended && length < maxNewTokens) return visit(all, logProb + next);
      const score = (logProb + next) / ((5 + length) / 6) ** lengthPenalty;
      found.push({ ids: all, logProb: logProb + next, ended, score });
    });
  };
  visit([], 0);
  return found.sort((a, b) => b.score - a.score);
}

beforeAll(() => useBackend('cpu'));

describe('greedy search', () => {
  test('takes the most probable token, ends at endId, and drops ended sequences', async () => {
    const follows: Record<string, number[]> = {
      '1': [0, 0, 1, 3, 2],
      '1,3': [0, 0, 1, 1.5, 2],
      '1,3,4': [0, 0, 5, 1, 1],
      '3': [0, 0, 9, 3, 2],
    };
    const model = new TableModel((ids) => follows[ids.join()] as number[]);
    const seen: (number | null)[][] = [];
    const results = await expectNoLeak(() =>
      greedySearch(model, [[1], [3]], {
        maxNewTokens: 5,
        endId: END,
        onToken: (ids) => seen.push([...ids]),
      }),
    );
    expect(results.map(({ ids, ended }) => ({ ids, ended }))).toEqual([
      { ids: [3, 4], ended: true },
      { ids: [], ended: true },
    ]);
    expect(results[1]?.logProb).toBeCloseTo(logProbs([0, 0, 9, 3, 2])[2] as number, 12);
    expect(seen).toEqual([
      [3, 2],
      [4, null],
      [2, null],
    ]);
    expect(model.batches).toEqual([2, 1, 1]);
  });

  test('stops at maxNewTokens, never gives a suppressed token, takes the lowest of equals', async () => {
    const model = new TableModel(() => [9, 1, 0, 1]);
    const [result] = await greedySearch(model, [[1]], { maxNewTokens: 3, suppressIds: [0] });
    expect(result).toMatchObject({ ids: [1, 1, 1], ended: false });
    expect(result?.logProb).toBeCloseTo(3 * (logProbs([1, 0, 1])[0] as number), 12);
  });
});

describe('prompts of different lengths', () => {
  const PROMPTS = [[1, 3, 0, 1], [3], [1, 0], [0, 0, 3, 1, 1, 2]];

  test.each([undefined, END])('each goes on as if it were alone, endId %s', async (endId) => {
    for (let seed = 1; seed <= 8; seed++) {
      const table = randomTable(5, seed);
      const options = { maxNewTokens: 4, endId };
      const seen: (number | null)[][] = [];
      const together = await expectNoLeak(() =>
        greedySearch(new TableModel(table), PROMPTS, {
          ...options,
          onToken: (ids) => seen.push([...ids]),
        }),
      );
      for (const [i, prompt] of PROMPTS.entries()) {
        const [alone] = await greedySearch(new TableModel(table), [prompt], options);
        expect(together[i]?.ids).toEqual(alone?.ids);
        expect(together[i]?.ended).toBe(alone?.ended);
        expect(together[i]?.logProb).toBeCloseTo(alone?.logProb as number, 12);
        const told = seen.map((ids) => ids[i]).filter((id) => id != null);
        expect(told).toEqual([...(alone?.ids ?? []), ...(alone?.ended ? [END] : [])]);
      }
      expect(seen.every((ids) => ids.some((id) => id != null))).toBe(true);
    }
  });

  test('drawing draws no number for a prompt that is still being read', async () => {
    const model = () => new TableModel(randomTable(6, 3));
    const options = { maxNewTokens: 3, seed: 5 };
    const [short] = await sampleTokens(model(), [[1]], options);
    const [first, second] = await sampleTokens(model(), [[1], [1, 1, 2, 3]], options);
    // The short prompt has all three of its tokens by the time the long one gets its first.
    expect(first).toEqual(short);
    expect(second?.ids).toHaveLength(3);
    const again = await sampleTokens(model(), [[1], [1, 1, 2, 3]], options);
    expect(again).toEqual([first, second]);
  });

  test('beam search refuses them', async () => {
    const model = new TableModel(randomTable(5));
    await expect(beamSearch(model, PROMPTS, { maxNewTokens: 2 })).rejects.toThrow(
      /^beamSearch: prompts of 4, 1, 2, 6 tokens; .*all of the same length/,
    );
  });
});

describe('beam search', () => {
  test.each([0, 0.6, 1.5, -0.5])(
    'with beams for everything and length penalty %d it is exhaustive search',
    async (lengthPenalty) => {
      for (const seed of [1, 2, 3]) {
        const table = randomTable(4, seed);
        const [got] = await expectNoLeak(() =>
          beamSearch(new TableModel(table), [[1]], {
            beams: 64,
            maxNewTokens: 3,
            endId: END,
            lengthPenalty,
            earlyStop: false,
          }),
        );
        const expected = exhaustive(table, [1], 3, lengthPenalty).slice(0, 64);
        expect(got?.map(({ ids, ended }) => ({ ids, ended }))).toEqual(
          expected.map(({ ids, ended }) => ({ ids, ended })),
        );
        got?.forEach((h, i) => expect(h.score).toBeCloseTo(expected[i]?.score as number, 9));
      }
    },
  );

  test('without early stop the best is that of all lengths that the beam can reach', async () => {
    // Narrower than everything: at least never better than the truth, and mostly it.
    let found = 0;
    for (let seed = 1; seed <= 20; seed++) {
      const table = randomTable(4, seed);
      const [got] = await beamSearch(new TableModel(table), [[1]], {
        beams: 6,
        maxNewTokens: 5,
        endId: END,
        earlyStop: false,
      });
      const truth = exhaustive(table, [1], 5, 0.6)[0] as Hypothesis;
      const best = got?.[0] as Hypothesis;
      expect(best.score).toBeLessThanOrEqual(truth.score + 1e-9);
      if (best.ids.join() === truth.ids.join()) found++;
    }
    expect(found).toBeGreaterThanOrEqual(16);
  });

  test('one beam is greedy search, whatever the length penalty', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const table = randomTable(6, seed);
      const prompts = [
        [1, 3],
        [4, 1],
        [5, 5],
      ];
      const options = { maxNewTokens: 6, endId: END, suppressIds: [0] };
      const greedy = await greedySearch(new TableModel(table), prompts, options);
      const beam = await beamSearch(new TableModel(table), prompts, {
        ...options,
        beams: 1,
        lengthPenalty: seed % 3,
      });
      expect(beam.map(([h]) => ({ ids: h?.ids, logProb: h?.logProb, ended: h?.ended }))).toEqual(
        greedy,
      );
    }
  });

  test('a batch gives what each prompt gives alone, and shrinks as prompts finish', async () => {
    const table = randomTable(5, 9);
    const prompts = [[1], [3], [4], [0]];
    const options = { beams: 3, maxNewTokens: 8, endId: END };
    const model = new TableModel(table);
    const together = await beamSearch(model, prompts, options);
    for (const [i, prompt] of prompts.entries()) {
      expect([together[i]]).toEqual(await beamSearch(new TableModel(table), [prompt], options));
    }
    expect(model.batches.slice(0, 2)).toEqual([4, 12]);
    expect(model.batches.at(-1)).toBeLessThan(12);
  });

  test('early stop ends sooner; a long better one is found without it', async () => {
    // Ends at once with 0.6, or goes 3, 3, 3 almost surely: better per token with a penalty.
    const table: Table = (ids) => {
      const probabilities =
        ids.length === 1 ? [0.01, 0.01, 0.55, 0.43] : [0.001, 0.001, 0.001, 0.997];
      return (ids.length === 4 ? [0.001, 0.001, 0.997, 0.001] : probabilities).map(Math.log);
    };
    const run = async (earlyStop: boolean) => {
      const model = new TableModel(table);
      const [found] = await beamSearch(model, [[1]], {
        beams: 1,
        maxNewTokens: 6,
        endId: END,
        lengthPenalty: 2,
        earlyStop,
      });
      return { ids: found?.[0]?.ids, steps: model.batches.length };
    };
    expect(await run(true)).toEqual({ ids: [], steps: 1 });
    expect((await run(false)).ids).toEqual([3, 3, 3]);
  });
});

describe('sampling', () => {
  const table: Table = () => [0.1, 0.2, 0.3, 0.4].map(Math.log);
  const frequencies = async (options: object) => {
    const [drawn] = await sampleTokens(new TableModel(table), [[1]], {
      maxNewTokens: 400,
      seed: 3,
      ...options,
    });
    const counts = [0, 0, 0, 0];
    for (const id of drawn?.ids ?? []) counts[id] = (counts[id] as number) + 1 / 400;
    return counts;
  };
  const near = (got: number[], expected: number[]) =>
    got.forEach((f, i) => expect(Math.abs(f - (expected[i] as number))).toBeLessThan(0.07));

  test('follows the probabilities, as temperature, topK and topP change them', async () => {
    near(await frequencies({}), [0.1, 0.2, 0.3, 0.4]);
    near(await frequencies({ temperature: 0.5 }), [1 / 30, 4 / 30, 9 / 30, 16 / 30]);
    near(await frequencies({ topK: 2 }), [0, 0, 3 / 7, 4 / 7]);
    near(await frequencies({ topP: 0.75 }), [0, 2 / 9, 3 / 9, 4 / 9]);
    expect(await frequencies({ topP: 0.01 })).toEqual([0, 0, 0, expect.closeTo(1)]);
    expect((await frequencies({ suppressIds: [3] }))[3]).toBe(0);
  });

  test('the same seed draws the same, another does not', async () => {
    const draw = async (seed: number) =>
      (await sampleTokens(new TableModel(table), [[1]], { maxNewTokens: 30, seed }))[0]?.ids;
    expect(await draw(5)).toEqual(await draw(5));
    expect(await draw(5)).not.toEqual(await draw(6));
  });
});

test('wrong calls are refused, and a failing network leaves nothing behind', async () => {
  const model = new TableModel(() => [1, 2, 3]);
  const limit = { maxNewTokens: 2 };
  await expect(async () => beamSearch(model, [], limit)).rejects.toThrow('at least one prompt');
  await expect(async () => greedySearch(model, [[1], []], limit)).rejects.toThrow(
    'prompts of 1, 0 tokens',
  );
  await expect(async () => beamSearch(model, [[1]], { ...limit, beams: 0 })).rejects.toThrow(
    'beams is 0',
  );
  await expect(async () => greedySearch(model, [[1]], { maxNewTokens: 0 })).rejects.toThrow(
    'maxNewTokens is 0',
  );
  await expect(async () =>
    greedySearch(model, [[1]], { ...limit, endId: 2, suppressIds: [2] }),
  ).rejects.toThrow('no sequence could end');
  await expect(async () =>
    sampleTokens(model, [[1]], { ...limit, temperature: 0 }),
  ).rejects.toThrow('temperature is 0');
  for (const search of [greedySearch, beamSearch, sampleTokens]) {
    const beyond = (): Promise<unknown> => search(model, [[1]], { ...limit, endId: 3 });
    await expect(expectNoLeak(beyond)).rejects.toThrow(
      /\w+: endId is 3; expected an id from 0 to 2, of the model's vocabulary of 3/,
    );
    const typed = [Int32Array.of(1)] as unknown as number[][];
    await expect(async () => search(model, typed, limit)).rejects.toThrow(
      'prompts hold a Int32Array; expected lists of ids, which Array.from makes',
    );
  }
  let steps = 0;
  const failing = new TableModel(() => {
    if (++steps > 1) throw new Error('broken');
    return [1, 2, 3];
  });
  await expect(expectNoLeak(() => beamSearch(failing, [[1]], limit))).rejects.toThrow('broken');
  const bad = { step: () => tf.zeros<tf.Rank.R2>([3, 3]) };
  await expect(expectNoLeak(() => greedySearch(bad, [[1]], limit))).rejects.toThrow(
    'logits of shape [3, 3] for 1 sequences',
  );
  const nan = { step: () => tf.tensor2d([[NaN, 1]]) };
  await expect(expectNoLeak(() => greedySearch(nan, [[1]], limit))).rejects.toThrow('NaN');
});
