/** Programs that compute each element from those at the same place, and from vectors over the channels. */
import type * as tf from '@tensorflow/tfjs-core';

import { sizeOf, zeros } from '../graphics';
import { type WebgpuBackend } from './backend';
import { groupsFor, rowsOf, runProgram, type Source, THREADS } from './program';

/** An element-wise program. */
export interface Elementwise {
  /** Tells programs apart. */
  readonly name: string;
  /** Names of the inputs; those in lower case are vectors over the last axis. */
  readonly inputs: readonly string[];
  /** The results, of numbers by these names; the later ones may use `y0`, the first, and so on. */
  readonly expressions: readonly string[];
  /** Functions that they call. */
  readonly functions?: string;
  /** Names of numbers in them. */
  readonly numbers?: readonly string[];
}

/** Makes the program of element-wise expressions. */
export function elementwise(program: Elementwise): Source {
  const { name, inputs, expressions, functions, numbers = [] } = program;
  const buffer = (input: string) => `T${input}`;
  const reads = inputs.map((input) =>
    input === input.toLowerCase()
      ? `let ${input} = ${buffer(input)}[index % uniforms.columns];`
      : `let ${input} = ${buffer(input)}[index];`,
  );
  const outputs = expressions.slice(1).map((_, i) => `further${i + 1}`);
  const writes = expressions.map((expression, i) => {
    const target = i === 0 ? 'result' : outputs[i - 1];
    return `let y${i} = ${expression};\n  ${target}[index] = y${i};`;
  });
  return {
    name,
    inputs: inputs.map(buffer),
    outputs,
    uniforms: {
      count: 'i32',
      columns: 'i32',
      ...Object.fromEntries(numbers.map((n) => [n, 'f32' as const])),
    },
    threads: THREADS,
    functions,
    main: `
  if (index >= uniforms.count) { return; }
  ${numbers.map((n) => `let ${n} = uniforms.${n};`).join('\n  ')}
  ${reads.join('\n  ')}
  ${writes.join('\n  ')}`,
  };
}

/** Runs it; the first input has the shape of all outputs. */
export function runElementwise(
  backend: WebgpuBackend,
  source: Source,
  tensors: readonly tf.TensorInfo[],
  numbers: Readonly<Record<string, number>> = {},
): tf.TensorInfo[] {
  const first = tensors[0] as tf.TensorInfo;
  const shapes = [first.shape, ...(source.outputs ?? []).map(() => first.shape)];
  const count = sizeOf(first);
  if (count === 0) return shapes.map((shape) => zeros(backend, shape));
  const values = { ...numbers, count, columns: rowsOf(first).columns };
  return runProgram(backend, source, tensors, shapes, groupsFor(count), values);
}

/** That of a program with one result. */
export function runExpression(...given: Parameters<typeof runElementwise>): tf.TensorInfo {
  return runElementwise(...given)[0] as tf.TensorInfo;
}
