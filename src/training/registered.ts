/** The optimizer classes that saved models may hold. A new one is entered here. */
import { AdamW } from './adamw';

export const OPTIMIZERS = [AdamW] as const;
