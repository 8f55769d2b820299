/** The optimizer classes that saved models may hold. A new one is entered here. */
import { Adafactor } from './adafactor';
import { AdamW } from './adamw';
import { Lion } from './lion';
import { SGD } from './sgd';

export const OPTIMIZERS = [AdamW, Lion, Adafactor, SGD] as const;
