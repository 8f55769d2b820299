/** Segmenters and detectors of checkpoints: the network in one, its weights, the names of its classes. */
import type * as tfl from '@tensorflow/tfjs-layers';

import type { Checkpoint } from '../../weights/checkpoint';
import { loadCheckpoint, type LoadOptions, type LoadReport } from '../../weights/load_checkpoint';
import { openCheckpoint } from '../../weights/open_checkpoint';
import { prefixIn, underPrefix } from '../../weights/select_tensors';
import { withNotice } from '../base/download_notice';
import { type Terminal, withProgress } from '../base/terminal';
import { few, linesOf, percent } from '../base/text';
import type { DownloadOptions } from './weights_source';

/** Options of the commands that say where a model is. */
export interface DenseOptions extends DownloadOptions {
  weights: string;
  model?: string;
  key?: string;
  prefix?: string;
  signal: AbortSignal;
  /**
   * For training: how many classes the head of a checkpoint is made for, and the seed of what it does not bring: a head
   * of other classes, an auxiliary one. Default: it is for inference.
   */
  training?: { readonly numClasses: number; readonly seed: number };
}

/** The network that a checkpoint holds, and where in it. */
export interface FoundNetwork<Network> {
  readonly network: Network;
  /** What the names of its tensors begin with. */
  readonly start: string;
  /** Tensors outside of the part that was asked for. */
  readonly others: ReadonlySet<string>;
}

/**
 * Looks into a checkpoint for a network, before a model of its shapes is allocated.
 *
 * @param networkIn finds it in the part that `--prefix` names, and says where in that
 */
export async function findNetwork<Network>(
  source: string,
  { key, prefix, signal }: DenseOptions,
  terminal: Terminal,
  networkIn: (part: Checkpoint) => { network: Network; prefix: string },
): Promise<FoundNetwork<Network>> {
  const opened = await withNotice(source, terminal, (telling) =>
    openCheckpoint(source, { key, signal, ...telling }),
  );
  try {
    const part = prefix === undefined ? opened : underPrefix(opened, prefix);
    const { network, prefix: within } = networkIn(part);
    const outer = prefix === undefined ? '' : prefixIn(opened, prefix);
    const others = [...opened.entries.keys()].filter((tensor) => !tensor.startsWith(outer));
    return { network, start: `${outer}${within}`, others: new Set(others) };
  } finally {
    await opened.close();
  }
}

/** Fills a model from the part of a checkpoint where it was found, and says what inference does not use. */
export async function fillFrom(
  model: tfl.LayersModel,
  source: string,
  { start, others }: FoundNetwork<unknown>,
  options: Pick<DenseOptions, 'key' | 'signal'> & Pick<LoadOptions, 'head' | 'supervision'>,
  terminal: Terminal,
): Promise<LoadReport> {
  const { key, signal, head, supervision } = options;
  const report = await withProgress(terminal, 'weights', percent, (onProgress) =>
    loadCheckpoint(model, source, {
      key,
      signal,
      prefix: start,
      strict: false,
      ...(head === undefined ? {} : { head }),
      ...(supervision === undefined ? {} : { supervision }),
      onProgress: (fraction) => {
        signal.throwIfAborted();
        onProgress(fraction, 1);
      },
    }),
  );
  const unused = report.unexpected.filter((tensor) => !others.has(tensor));
  if (unused.length > 0) {
    terminal.error(
      linesOf(`left out ${unused.length} tensors that inference does not use: ${few(unused)}`),
    );
  }
  return report;
}

/** Names and colours that the file tells; those of other classes are left out, and that is said. */
export function labelsIn(
  { classes, palette }: LoadReport,
  numClasses: number,
  name: string,
  terminal: Terminal,
): Pick<LoadReport, 'classes' | 'palette'> {
  const other = [classes, palette].find((list) => list && list.length !== numClasses);
  if (other) {
    terminal.error(
      linesOf(
        `${name} names ${other.length} classes, its head has ${numClasses}; the names are left out`,
      ),
    );
    return {};
  }
  return { ...(classes ? { classes } : {}), ...(palette ? { palette } : {}) };
}
