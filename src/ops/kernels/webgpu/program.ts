/**
 * Programs over buffers, in which tensors lie as they do elsewhere: row by row, the last axis without gaps. A
 * program may give several tensors.
 */
import * as tf from '@tensorflow/tfjs-core';

import type { UniformValues, WebgpuBackend, WebgpuProgram } from './backend';

/** A program of the package: what it reads and writes, and the body of its `main`. */
export interface Source {
  /** Tells programs apart. */
  readonly name: string;
  /** Names of the tensors, with a capital letter; numbers are read as `X[i]`. Eight of these and the outputs at most. */
  readonly inputs: readonly string[];
  /** Names of the tensors that it gives besides `result`, with a small letter. */
  readonly outputs?: readonly string[];
  /** Read as `uniforms.name`. At least one must be, and every input and output must be used. */
  readonly uniforms: Readonly<Record<string, 'i32' | 'f32'>>;
  /** Invocations in a workgroup. */
  readonly threads: number;
  /** Functions and variables of the module that the body uses. */
  readonly functions?: string;
  /** The body of `main(index : i32)`, with the number of the invocation. `groupIndex()` gives that of its workgroup. */
  readonly main: string;
}

/** Elements, rows or whatever an invocation computes one of. */
export const THREADS = 256;

/** As many workgroups as give each of `count` an invocation. */
export const groupsFor = (count: number): number => Math.ceil(count / THREADS);

/** Whoever reads shapes finds them in the uniforms of the program; tfjs would compile for each combination of ranks. */
const POINT = [1];

const GROUP_INDEX = `
fn groupIndex() -> i32 {
  return i32((workgroupId.z * numWorkgroups.y + workgroupId.y) * numWorkgroups.x + workgroupId.x);
}`;

/**
 * tfjs makes a program with one output. Further ones are bound as if they were inputs, which tfjs declares for
 * reading; these declarations take their place, as a binding may have two so long as one of them is not used.
 */
function declarations({ inputs, outputs = [] }: Source): string {
  const declared = outputs.map((name, i) => {
    const binding = `@group(0) @binding(${1 + inputs.length + i})`;
    return `${binding} var<storage, read_write> ${name} : array<f32>;`;
  });
  return declared.join('\n');
}

const codeOf = (source: Source): string => `
${declarations(source)}
${GROUP_INDEX}
${source.functions ?? ''}
fn main(index : i32) {
${source.main}
}`;

/**
 * Runs a program.
 *
 * @param tensors in the order of the program's inputs, none of them empty
 * @param shapes of `result` and the other outputs, none of them empty
 * @param groups how many workgroups there must be; a few more may run
 * @param values of the uniforms, by name
 * @returns the outputs, the caller's
 */
export function runProgram(
  backend: WebgpuBackend,
  source: Source,
  tensors: readonly tf.TensorInfo[],
  shapes: readonly (readonly number[])[],
  groups: number,
  values: Readonly<Record<string, number>>,
): tf.TensorInfo[] {
  const { name, inputs, outputs = [], uniforms, threads } = source;
  const types = Object.entries(uniforms);
  const program: WebgpuProgram = {
    variableNames: [...inputs, ...outputs.map((output) => `Bound_${output}`)],
    outputShape: POINT,
    dispatch: [groups, 1, 1],
    dispatchLayout: { x: [0] },
    workgroupSize: [threads, 1, 1],
    uniforms: types.map(([uniform, type]) => `${uniform} : ${type},`).join(' '),
    shaderKey: `revcol_${name}`,
    getUserCode: () => codeOf(source),
  };
  const numbers: UniformValues = types.map(([uniform, type]) => {
    const data = [values[uniform] as number];
    return { type: type === 'i32' ? 'int32' : 'float32', data };
  });
  const made = shapes.map((shape) => backend.makeTensorInfo([...shape], 'float32'));
  try {
    const [result, ...more] = [...made, ...tensors].map(({ dataId, dtype }) => {
      return { dataId, dtype, shape: POINT };
    });
    const [others, read] = [more.slice(0, outputs.length), more.slice(outputs.length)];
    backend.runWebGPUProgram(program, [...read, ...others], 'float32', numbers, result);
  } catch (error) {
    for (const { dataId } of made) backend.disposeData(dataId);
    throw error;
  }
  return made;
}

/** The only output of a program. */
export function runSingle(...given: Parameters<typeof runProgram>): tf.TensorInfo {
  return runProgram(...given)[0] as tf.TensorInfo;
}

/** A tensor as rows of its last axis. */
export interface Rows {
  readonly rows: number;
  readonly columns: number;
}

/** The rows of a tensor of any rank; one number is a row of its own. */
export function rowsOf({ shape }: tf.TensorInfo): Rows {
  const columns = shape.at(-1) ?? 1;
  return { rows: tf.util.sizeFromShape(shape.slice(0, -1)), columns };
}

/** The uniforms of programs over rows. */
export const ROWS = { rows: 'i32', columns: 'i32' } as const;

/** The shape with another last axis. */
export const withColumns = (shape: readonly number[], columns: number): number[] => [
  ...shape.slice(0, -1),
  columns,
];
