/** What tfjs-revcol/plan exports: what a training step takes, told beforehand. */
export {
  type MemoryPlan,
  memoryPlan,
  type MemoryPlanOptions,
  type PlannedModel,
} from '../plan/memory_plan';
export type { PlannedOptimizer } from '../plan/optimizers';
