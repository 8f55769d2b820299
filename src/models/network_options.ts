/** Options of whole models that are those of their backbone, with the named size's own as defaults. */
import type { OptionNames } from '../common/options';
import type { RevColBackboneArgs } from '../layers/columns/rev_col_backbone';

/** Options of a convolutional network; those left out are the named size's own. */
export type NetworkOptions = Pick<
  RevColBackboneArgs,
  | 'columns'
  | 'channels'
  | 'depths'
  | 'kernelSize'
  | 'patchSize'
  | 'topFusion'
  | 'dropPathRate'
  | 'backprop'
  | 'anchorEvery'
  | 'pixelMean'
  | 'pixelStd'
>;

/** Their names. */
export const NETWORK_OPTIONS: OptionNames<NetworkOptions> = {
  columns: true,
  channels: true,
  depths: true,
  kernelSize: true,
  patchSize: true,
  topFusion: true,
  dropPathRate: true,
  backprop: true,
  anchorEvery: true,
  pixelMean: true,
  pixelStd: true,
};

/** What a named size has of its own. */
interface NetworkSize {
  readonly columns: number;
  readonly channels: readonly number[];
  readonly depths: readonly number[];
  readonly kernelSize: number;
  readonly patchSize: number;
  readonly topFusion: boolean;
}

/** Arguments of the backbone: what the options say, else what the size says. */
export function networkArgs(options: NetworkOptions, size: NetworkSize) {
  return {
    columns: options.columns ?? size.columns,
    channels: [...(options.channels ?? size.channels)],
    depths: [...(options.depths ?? size.depths)],
    kernelSize: options.kernelSize ?? size.kernelSize,
    patchSize: options.patchSize ?? size.patchSize,
    topFusion: options.topFusion ?? size.topFusion,
    dropPathRate: options.dropPathRate ?? 0,
    backprop: options.backprop,
    anchorEvery: options.anchorEvery,
    pixelMean: options.pixelMean,
    pixelStd: options.pixelStd,
  };
}
