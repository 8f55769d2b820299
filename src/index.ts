/**
 * tfjs-revcol: Reversible Column Networks for TensorFlow.js. Exports what the entries for parts
 * export (`tfjs-revcol/layers`, ...) and registers what they register: layer classes, optimizers and
 * kernels. A new public name is entered in `src/public`.
 */
import { registerLayers } from './registry/register_layers';
import { registerLosses } from './registry/register_losses';
import { registerOptimizers } from './registry/register_optimizers';
import { registerWebgl } from './registry/register_webgl';
import { registerWebgpu } from './registry/register_webgpu';

export * from './public/adapters';
export * from './public/analysis';
export * from './public/convert';
export * from './public/images';
export * from './public/layers';
export * from './public/models';
export * from './public/plan';
export * from './public/text';
export * from './public/training';
export * from './public/webgl';
export * from './public/webgpu';
export * from './public/weights';

registerLayers();
registerOptimizers();
registerLosses();
registerWebgl();
registerWebgpu();
