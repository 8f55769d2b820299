/**
 * How often tests of random cases try: `REVCOL_RUNS` times as often as by default, which is once a
 * change; `npm run test:long` sets it. Longer runs begin with the cases of shorter ones.
 */
export const RUNS = chosen(process.env.REVCOL_RUNS);

function chosen(text = '1'): number {
  const runs = Number(text || 1);
  if (!(runs >= 1)) throw new Error(`REVCOL_RUNS is ${text}; expected a number from 1`);
  return runs;
}

/** That many cases as a rule, more in a long run. */
export function runs(many: number): number {
  return Math.ceil(many * RUNS);
}
