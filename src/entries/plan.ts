/** tfjs-revcol/plan: what a training step takes. Registers the layers that models are made of. */
import { registerLayers } from '../registry/register_layers';

export * from '../public/plan';

registerLayers();
