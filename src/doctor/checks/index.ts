/** All checks, in their order: what later ones need comes first. */
import { type Golden, GOLDENS } from '../golden';
import { adamWStep } from './adamw_step';
import type { Check } from './check';
import { gradients } from './gradients';
import { outputs } from './outputs';
import { products } from './products';
import { reading } from './reading';

const IMAGE = GOLDENS[0] as Golden;

export const CHECKS: readonly Check[] = [
  reading,
  products,
  ...GOLDENS.map(outputs),
  ...GOLDENS.flatMap((golden) => [gradients(golden, 'reversible'), gradients(golden, 'stored')]),
  adamWStep(IMAGE),
];
