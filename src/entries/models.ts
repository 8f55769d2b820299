/** tfjs-revcol/models: whole models; registers the layers that they are made of. */
import { registerLayers } from '../registry/register_layers';

export * from '../public/models';

registerLayers();
