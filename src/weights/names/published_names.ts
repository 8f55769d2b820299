/** The names in a checkpoint file, freed of what training code put before them. */

import { CheckpointError } from '../errors';

/** Names that every RevCol has once, the surest first; `$1` is what stands before. */
const ANCHORS: readonly RegExp[] = [/^((?:.*\.)?)stem\.0\.weight$/, /^((?:.*\.)?)subnet0\.alpha0$/];

/**
 * What training code put before every published name: `module.` (DistributedDataParallel),
 * `backbone.` (detectors), `model.` (Lightning), or any other. '' where there is nothing.
 *
 * @param names names of the file's tensors.
 * @throws {CheckpointError} 'mismatch' when the file holds several RevCols under prefixes.
 */
export function findPrefix(names: readonly string[]): string {
  const prefixes = setPrefixes(names);
  if (prefixes.includes('')) return '';
  if (prefixes.length <= 1) return prefixes[0] ?? '';
  throw new CheckpointError(
    'mismatch',
    `The file holds ${prefixes.length} sets of weights; pass one of these as prefix: ` +
      prefixes.slice(0, 5).join(' '),
  );
}

/** What stands before each RevCol's published names, in the file's order. */
export function setPrefixes(names: readonly string[]): string[] {
  for (const anchor of ANCHORS) {
    const prefixes = new Set<string>();
    for (const name of names) {
      const match = anchor.exec(name);
      if (match) prefixes.add(match[1] ?? '');
    }
    if (prefixes.size > 0) return [...prefixes];
  }
  return [];
}

/**
 * Names of the averages that mmcv's `EMAHook` keeps beside the weights, as buffers in the same dict:
 * `ema_backbone_stem_0_weight` beside `backbone.stem.0.weight`.
 */
function averagesOf(names: readonly string[]): Set<string> {
  return new Set(
    names.map((name) => {
      const wrapped = name.startsWith('module.') ? 'module.' : '';
      return `${wrapped}ema_${name.slice(wrapped.length).replaceAll('.', '_')}`;
    }),
  );
}

/**
 * Published name to name in the file; names without the prefix keep their own. Where that ends with
 * `backbone.`, what stands before it is taken off the names of a segmenter's heads and a detector's parts, too.
 * Averages that stand beside their weights are left out, as by OpenMMLab's own loading.
 *
 * @throws {CheckpointError} 'mismatch' when a name is there with and without the prefix.
 */
export function withoutPrefix(names: readonly string[], prefix: string): Map<string, string> {
  const published = new Map<string, string>();
  const outer = prefix.endsWith('backbone.') ? prefix.slice(0, -'backbone.'.length) : '';
  const averages = averagesOf(names);
  for (const name of names) {
    if (averages.has(name)) continue;
    const beside = name.startsWith(outer) ? name.slice(outer.length) : name;
    const own = isBesideBackbone(beside) ? beside : name;
    const bare = name.startsWith(prefix) ? name.slice(prefix.length) : own;
    if (published.has(bare)) {
      throw new CheckpointError(
        'mismatch',
        `The file holds both ${published.get(bare)} and ${name}; pass prefix: '' or rename one`,
      );
    }
    published.set(bare, name);
  }
  return published;
}

/** Whether a published name belongs to a classifier. */
export function isClassifier(published: string): boolean {
  return /^cls(_blocks\.\d+)?\.classifier\./.test(published);
}

/** Whether a published name belongs to an image decoder of the intermediate supervision. */
export function isDecoder(published: string): boolean {
  return published.startsWith('decoder_blocks.');
}

/** Whether a published name belongs to a segmentation head. */
export function isSegmentationHead(published: string): boolean {
  return published.startsWith('decode_head.') || isAuxiliaryHead(published);
}

/** Whether a published name belongs to a part of a detector that is not its backbone. */
export function isDetectorPart(published: string): boolean {
  return /^(neck|rpn_head|roi_head)\./.test(published);
}

/** Whether a published name stands beside the backbone's, which then begin with `backbone.`. */
export function isBesideBackbone(published: string): boolean {
  return isSegmentationHead(published) || isDetectorPart(published);
}

/** Whether a published name belongs to what depends on the classes of a segmenter or detector. */
export function isDenseLogits(published: string): boolean {
  return (
    /^(decode|auxiliary)_head\.conv_seg\./.test(published) ||
    /^roi_head\.(bbox_head\.\d+\.fc_(cls|reg)|mask_head\.\d+\.conv_logits)\./.test(published)
  );
}

/** Whether a published name belongs to the segmentation head that only training has. */
export function isAuxiliaryHead(published: string): boolean {
  return published.startsWith('auxiliary_head.');
}

/**
 * Leaves out what only intermediate supervision uses: the decoders, the auxiliary head, and all classifiers but the
 * last, which becomes the one classifier of a model without supervision.
 */
export function withoutSupervision(names: ReadonlyMap<string, string>): Map<string, string> {
  const numberOf = (name: string): number => Number(/^cls_blocks\.(\d+)\./.exec(name)?.[1] ?? -1);
  const last = [...names.keys()].reduce((most, name) => Math.max(most, numberOf(name)), -1);
  const kept = new Map<string, string>();
  for (const [name, inFile] of names) {
    if (isDecoder(name) || isAuxiliaryHead(name)) continue;
    const number = numberOf(name);
    if (number < 0) kept.set(name, inFile);
    else if (number === last) kept.set(name.replace(/^cls_blocks\.\d+\./, 'cls.'), inFile);
  }
  return kept;
}
