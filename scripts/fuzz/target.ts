/** What a target of fuzzing is: a reader that gets bytes of any kind, and what it made of them. */
import { CheckpointError } from '../../src/weights/errors';

/** A reader. */
export interface FuzzTarget {
  /**
   * The file that stands for an input: the fuzzer changes the input, the reader gets the file. Checksums, which
   * a fuzzer does not guess, are put right in between.
   */
  file(input: Uint8Array): Uint8Array;
  /**
   * Reads a file.
   *
   * @returns what is in it, as JSON that another reader of the format can be compared by
   * @throws {Error} a refusal; whether it is one that may be says `isRefusal`
   */
  read(file: Uint8Array): Promise<unknown>;
  /** Whether an error is a refusal in the reader's own words, and no accident. */
  isRefusal(error: unknown): boolean;
}

/** Of checkpoints. */
export const isCheckpointError = (error: unknown): boolean => error instanceof CheckpointError;

/** The outcome of a file, for another reader to agree with. */
export interface Verdict {
  /** `read`, or `refused`. */
  readonly outcome: 'read' | 'refused';
  readonly content?: unknown;
  readonly message?: string;
}

export async function verdictOf(target: FuzzTarget, file: Uint8Array): Promise<Verdict> {
  try {
    return { outcome: 'read', content: await target.read(file) };
  } catch (error) {
    if (!target.isRefusal(error)) throw error;
    return { outcome: 'refused', message: (error as Error).message };
  }
}

/** Bytes as text. */
export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
