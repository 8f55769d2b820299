/** Single operations that are timed, and what each is fed. */
import { uniform } from '../../src/doctor/numbers';
import type { OperationsWorkload } from '../suite/workload';

/** A tensor by name, in the layout of tfjs. */
export interface InputTensor {
  name: string;
  shape: readonly number[];
  values: Float32Array;
}

/**
 * Shapes of the operands of every operation, for images `[batch, side, side, channels]`; `x` comes
 * first, and gradients are those of all.
 */
const OPERANDS: Record<
  string,
  (batch: number, side: number, channels: number) => Record<string, readonly number[]>
> = {
  linear: (batch, side, c) => ({ x: [batch, side, side, c], kernel: [c, 4 * c], bias: [4 * c] }),
  layerNorm: (batch, side, c) => ({ x: [batch, side, side, c], gamma: [c], beta: [c] }),
  gelu: (batch, side, c) => ({ x: [batch, side, side, 4 * c] }),
  depthwiseConv: (batch, side, c) => ({
    x: [batch, side, side, c],
    kernel: [3, 3, c, 1],
    bias: [c],
  }),
  upsample: (batch, side, c) => ({ x: [batch, side / 2, side / 2, c] }),
  attention: (batch, side, c) => ({
    x: [batch, side * side, c],
    key: [batch, side * side, c],
    value: [batch, side * side, c],
  }),
};

export const OPERATIONS = Object.keys(OPERANDS);

/** Channels of a head of attention. */
export const HEAD_WIDTH = 32;

/**
 * All operands, as `OPERATION/OPERAND`, and `OPERATION/dy`, the gradient of the output.
 *
 * @throws {Error} when there is no such operation
 */
export function operationInputs(workload: OperationsWorkload): InputTensor[] {
  const { operations, batch, extent, channels } = workload;
  return operations.flatMap((operation, o) => {
    const operands = OPERANDS[operation]?.(batch, extent, channels);
    if (!operands) {
      throw new Error(`there is no operation ${operation}; expected ${OPERATIONS.join(', ')}`);
    }
    const dy = outputShape(operation, operands, extent);
    return Object.entries({ ...operands, dy }).map(([name, shape], i) => {
      const count = shape.reduce((product, size) => product * size, 1);
      const deviation = name === 'kernel' ? 0.2 : 1;
      return {
        name: `${operation}/${name}`,
        shape,
        values: uniform(count, name === 'gamma' ? 1 : 0, deviation, 100 * o + i),
      };
    });
  });
}

function outputShape(
  operation: string,
  operands: Record<string, readonly number[]>,
  side: number,
): readonly number[] {
  const x = operands.x as readonly number[];
  if (operation === 'linear') return [...x.slice(0, -1), operands.kernel?.[1] as number];
  if (operation === 'upsample') return [x[0] as number, side, side, x[3] as number];
  return x;
}
