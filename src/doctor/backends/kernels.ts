/** Which of this package's own kernels a backend has. */
import * as contracts from '../../ops/kernels/contract';
import { hasKernel } from '../../ops/kernels/fused';

/** Names of the kernels that this package brings for the backend in use, without their prefix. */
export function ownKernels(): string {
  const there = Object.values(contracts).filter(hasKernel);
  return there.map(({ name }) => name.replace(/^RevCol/, '')).join(', ') || 'none';
}
