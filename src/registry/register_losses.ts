/** Losses by name for tfjs's models; a file of its own, so that layers come without losses. */
import * as tfl from '@tensorflow/tfjs-layers';

import { LOSSES } from '../training/loss_functions';
import { defineLoss, findLossesByName } from '../training/named_losses';

let done = false;

/** Lets `model.compile` find the package's losses by name, and saved models keep them. */
export function registerLosses(): void {
  if (done) return;
  done = true;
  for (const [name, maker] of LOSSES) defineLoss(name, maker);
  findLossesByName(tfl.LayersModel.prototype);
}
