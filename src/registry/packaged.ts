/** The weight sets that ship with this package: small ones, trained by `examples/fashion.ts`. */
import type { ModelSizeName } from './architectures';

/** What these sets were trained on. */
export type PackagedDataName = 'Fashion-MNIST' | 'MNIST';

/** What is said of one set. */
export interface PackagedFacts {
  readonly pretrainedOn: PackagedDataName;
  readonly bytes: number;
  readonly sha256: string;
  readonly top1: number;
  /** Mean and deviation of the training pictures, which are grey, for pixels in 0..1. */
  readonly mean: number;
  readonly std: number;
  readonly classNames: readonly string[];
}

/** The facts of every set by name, of which the part before the dot is the size. */
export const PACKAGED_SETS = {
  'revcol_femto.digits': {
    pretrainedOn: 'MNIST',
    bytes: 246_044,
    sha256: '0844f8f435cb13bfc1bd79671de72aa810bdfb467754ceded2bec5ff41f93f78',
    top1: 98.65,
    mean: 0.1307,
    std: 0.3081,
    classNames: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
  },
  'revcol_femto.fashion': {
    pretrainedOn: 'Fashion-MNIST',
    bytes: 246_100,
    sha256: 'd4a8e7db6ec21f63ef315d3dff7bff9db0815015ffa31462846d43f7aabe4615',
    top1: 89.83,
    mean: 0.286,
    std: 0.353,
    classNames: [
      'T-shirt/top',
      'Trouser',
      'Pullover',
      'Dress',
      'Coat',
      'Sandal',
      'Shirt',
      'Sneaker',
      'Bag',
      'Ankle boot',
    ],
  },
} as const satisfies Record<`${ModelSizeName}.${string}`, PackagedFacts>;
