/** What all optimizers of the package can be told. */
import { requireRanges, shown } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import type { ParameterGroup } from './parameter_groups';

/** Arguments that all optimizers of the package take. */
export interface CommonArgs {
  /** Exceptions by name; the first that fits a variable counts. Default none. */
  groups?: ParameterGroup[];
  /**
   * Updates each weight as soon as its gradient is there, in the middle of the backward pass, and frees
   * the gradient: then no more than a few gradients exist at any time. The weights get the same values
   * as with false. `'safe'` first looks at the loss and changes nothing where that is no finite number,
   * which waits for the device. Default false.
   */
  fused?: boolean | 'safe';
  /** The norm to which the gradient of each weight by itself is shortened, above 0. Default: none. */
  clipWeightNorm?: number;
  /**
   * The norm to which all gradients together are shortened, above 0, judged by their norm in the step
   * before, because the present one is known only when all gradients are there: each gradient is
   * multiplied by `min(1, clipPreviousNorm / norm)`. The first step is not shortened. Default: none.
   */
  clipPreviousNorm?: number;
}

const COMMON_OPTIONS: OptionNames<CommonArgs> = {
  groups: true,
  fused: true,
  clipWeightNorm: true,
  clipPreviousNorm: true,
};

/** @throws {Error} when arguments hold an option that there is not */
export function requireKnown<Args extends CommonArgs>(
  owner: string,
  args: Args,
  own: OptionNames<Omit<Args, keyof CommonArgs>>,
): void {
  // tfjs adds the last when it reads a saved model.
  requireOptions(owner, args, { ...own, ...COMMON_OPTIONS, customObjects: true });
}

/** @throws {Error} when an argument is out of range */
export function requireCommonArgs(owner: string, args: CommonArgs): void {
  for (const name of ['clipWeightNorm', 'clipPreviousNorm'] as const) {
    const value = args[name];
    if (value != null) requireRanges(owner, [[name, value, value > 0, 'above 0']]);
  }
  const { fused = false } = args;
  if (typeof fused !== 'boolean' && fused !== 'safe') {
    throw new Error(`${owner}: fused is ${shown(fused)}; expected true, false or 'safe'`);
  }
}
