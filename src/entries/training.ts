/** tfjs-revcol/training: optimizers, registered with tfjs, losses, schedules, and memory. */
import { registerLosses } from '../registry/register_losses';
import { registerOptimizers } from '../registry/register_optimizers';

export * from '../public/training';

registerOptimizers();
registerLosses();
