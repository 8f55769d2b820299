/** Where `train` keeps what it goes on from. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Folder of the states that training goes on from, in that of the model. */
export const CHECKPOINT = 'checkpoint';

/** The state after the last steps of the training whose output is `out`. */
export const lastState = (out: string): string => join(out, CHECKPOINT, 'last.safetensors');

/** Whether there is a state to go on from. */
export const isBegun = (out: string): boolean => existsSync(lastState(out));
