/** Names of the 1000 ImageNet-1k classes. 30 kB: import this module only where names are shown. */
import { IMAGENET_CLASSES as NAMES } from '@tensorflow-models/mobilenet/dist/imagenet_classes';

/**
 * Names of ImageNet-1k's classes by index, in the order of the sorted WordNet ids that every
 * published model uses. Each entry lists synonyms, e.g. `'tench, Tinca tinca'`. Two classes share
 * a name: 134 and 517 are both `'crane'`, the bird and the machine.
 *
 * Source: `@tensorflow-models/mobilenet`, Apache-2.0.
 */
export const IMAGENET_CLASSES: readonly string[] = Array.from(
  { length: 1000 },
  (_, index) => NAMES[index] as string,
);
