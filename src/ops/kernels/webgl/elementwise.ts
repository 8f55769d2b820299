/** Programs that compute each element from those at the same place, and from vectors over the channels. */
import type * as tf from '@tensorflow/tfjs-core';

import { sizeOf, zeros } from '../graphics';
import { type WebglBackend } from './backend';
import { runProgram, SIZE, sizeUniform, type Source } from './program';

/** An element-wise program. */
export interface Elementwise {
  /** Names of the inputs; those in lower case are vectors over the last axis. */
  readonly inputs: readonly string[];
  /** The result, of texels by these names. */
  readonly expression: string;
  /** Functions that it calls. */
  readonly functions?: string;
  /** Names of numbers in it. */
  readonly numbers?: readonly string[];
}

function sourceOf({ inputs, expression, functions, numbers = [] }: Elementwise): Source {
  const texture = (name: string) => `T${name}`;
  const texels = inputs.map((name) =>
    name === name.toLowerCase()
      ? `vec4 ${name} = at${texture(name)}(0, at.y, width).xyxy;`
      : `vec4 ${name} = at${texture(name)}(at.x, at.y, width);`,
  );
  return {
    inputs: inputs.map(texture),
    uniforms: { ...SIZE, ...Object.fromEntries(numbers.map((n) => [n, 'float' as const])) },
    functions,
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
  const values = Object.fromEntries(Object.entries(numbers).map(([name, n]) => [name, [n]]));
  const uniforms = { ...sizeUniform(first), ...values };
  return runProgram(backend, sourceOf(program), tensors, first.shape, uniforms);
}
