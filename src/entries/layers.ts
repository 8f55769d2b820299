/** tfjs-revcol/layers: the layers, registered with tfjs, and the kernels that backends lack. */
import { registerLayers } from '../registry/register_layers';

export * from '../public/layers';

registerLayers();
