/** Programs that compute each element from those at the same place, and from vectors over the channels. */
import type * as tf from '@tensorflow/tfjs-core';

import { sizeOf, type WebglBackend, zeros } from './backend';
import { layoutOf, runProgram, type Source } from './program';

/**
 * An element-wise program.
 *
 * @param inputs names; those in lower case are vectors over the last axis
 * @param expression of the texels, by these names
 * @param numbers names of numbers in it
 */
export interface Elementwise {
  inputs: readonly string[];
  expression: string;
  numbers?: readonly string[];
}

function sourceOf({ inputs, expression, numbers = [] }: Elementwise): Source {
  const texture = (name: string) => `T${name}`;
  const texels = inputs.map((name) =>
    name === name.toLowerCase()
      ? `vec4 ${name} = at${texture(name)}(0, at.y, width).xyxy;`
      : `vec4 ${name} = at${texture(name)}(at.x, at.y, width);`,
  );
  return {
    inputs: inputs.map(texture),
    uniforms: { size: 'ivec2', ...Object.fromEntries(numbers.map((n) => [n, 'float' as const])) },
    main: `
  int width = (size.y + 1) / 2;
  ivec2 at = here(width);
  ${texels.join('\n  ')}
  setOutput(inside(${expression}, at.x, size.x, at.y, size.y));`,
  };
}

/** Runs it; the first input has the shape of the output. */
export function runElementwise(
  backend: WebglBackend,
  program: Elementwise,
  tensors: readonly tf.TensorInfo[],
  numbers: Readonly<Record<string, number>> = {},
): tf.TensorInfo {
  const first = tensors[0] as tf.TensorInfo;
  if (sizeOf(first) === 0) return zeros(backend, first.shape);
  const { rows, columns } = layoutOf(first.shape);
  const values = Object.fromEntries(Object.entries(numbers).map(([name, n]) => [name, [n]]));
  return runProgram(backend, sourceOf(program), tensors, first.shape, {
    size: [rows, columns],
    ...values,
  });
}
