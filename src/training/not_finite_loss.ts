/** The error of a loss that is no finite number. */

/** A loss that is no finite number, found before any weight has changed. */
export class NotFiniteLossError extends Error {
  constructor(
    owner: string,
    readonly value: number,
  ) {
    super(
      `${owner}: the loss is ${value}; no weight has been changed by this step. If the batch is bad, leave it out; if ` +
        'training has diverged in the steps before, go back to weights that were saved, and lower the learning rate',
    );
  }
}
