/**
 * The layer classes of this folder that saved models may hold, by the names that they are exported by.
 * A new one is entered here.
 */
import { FCNHead } from './fcn_head';
import { UPerHead } from './uper_head';

export const DENSE_LAYERS = { FCNHead, UPerHead };
