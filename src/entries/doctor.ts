/** tfjs-revcol/doctor: what works here. Registers layers, optimizers and kernels, as the networks that are tried need them. */
import { registerLayers } from '../registry/register_layers';
import { registerOptimizers } from '../registry/register_optimizers';
import { registerWebgl } from '../registry/register_webgl';
import { registerWebgpu } from '../registry/register_webgpu';

export * from '../public/doctor';

registerLayers();
registerOptimizers();
registerWebgl();
registerWebgpu();
