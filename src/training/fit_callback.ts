/** Callbacks of `model.fit` that need no losses, and let the page breathe. */
import * as tfl from '@tensorflow/tfjs-layers';

/** What a callback does, with the model that is being trained. */
export interface FitHooks {
  /** Before the first batch; throws where the model does not suit it. */
  start?(model: tfl.LayersModel): void;
  /** Before each batch. */
  before?(model: tfl.LayersModel): void;
  /** After each batch. */
  after?(model: tfl.LayersModel): void;
}

/**
 * A `tf.CustomCallback`, so that it yields as tfjs's own do and stands in lists beside
 * `tf.callbacks.earlyStopping`. tfjs reads the losses of each batch for its hooks, which would wait for
 * the device; these do without.
 */
export class FitCallback extends tfl.CustomCallback {
  private model?: tfl.LayersModel;

  constructor(private readonly hooks: FitHooks) {
    super({});
  }

  override setModel(model: Parameters<tfl.CustomCallback['setModel']>[0]): void {
    super.setModel(model);
    this.model = model as unknown as tfl.LayersModel;
  }

  override async onTrainBegin(logs?: object): Promise<void> {
    this.hooks.start?.(this.trained);
    await super.onTrainBegin(logs as never);
  }

  override async onBatchBegin(batch: number, logs?: object): Promise<void> {
    this.hooks.before?.(this.trained);
    await super.onBatchBegin(batch, logs as never);
  }

  override async onBatchEnd(batch: number, logs?: object): Promise<void> {
    this.hooks.after?.(this.trained);
    await super.onBatchEnd(batch, logs as never);
  }

  private get trained(): tfl.LayersModel {
    if (this.model) return this.model;
    throw new Error(
      'a callback of tfjs-revcol was called outside of fit; give it to model.fit or model.fitDataset ' +
        'as an entry of callbacks',
    );
  }
}
