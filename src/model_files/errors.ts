/** Failures of the file system, told in terms of the model. */
import { messageOf } from '../common/messages';
import { CheckpointError } from '../weights/errors';

/** The code that Node gives errors of the file system, such as `ENOENT`. */
export function systemCode(error: unknown): unknown {
  return (error as NodeJS.ErrnoException | null | undefined)?.code;
}

/** Turns a rejection of the file system into `io: what, and why`. For `.catch`. */
export function failing(what: string): (error: unknown) => never {
  return (error) => {
    if (error instanceof CheckpointError) throw error;
    throw new CheckpointError('io', `${what}: ${messageOf(error)}`, { cause: error });
  };
}
