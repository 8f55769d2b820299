/** Runs the command line in this process and keeps what it wrote. */
import { run } from '../../src/cli/program';

export interface Ran {
  status: number;
  out: string;
  error: string;
}

export async function cli(...args: string[]): Promise<Ran> {
  const ran: Ran = { status: 0, out: '', error: '' };
  ran.status = await run(args, {
    out: (text) => (ran.out += text),
    error: (text) => (ran.error += text),
  });
  return ran;
}

/** As `cli`, for what must go well: gives the output. */
export async function cliOut(...args: string[]): Promise<string> {
  const { status, out, error } = await cli(...args);
  expect({ status, error }).toEqual({ status: 0, error: '' });
  return out;
}

/** As `cliOut`, of a model that does not tell how its pictures are prepared: what is assumed is said in one line. */
export async function cliAssuming(...args: string[]): Promise<string> {
  const { status, out, error } = await cli(...args);
  expect(status).toBe(0);
  expect(error).toMatch(
    /^\S[^\n]* does not tell how its pictures are prepared; assumed: ImageNet's [^\n]+\n$/,
  );
  return out;
}

/** As `cli`, for what must fail: asserts status 1, no output and one line, which it gives. */
export async function cliError(...args: string[]): Promise<string> {
  const { status, out, error } = await cli(...args);
  expect({ status, out }).toEqual({ status: 1, out: '' });
  expect(error).toMatch(/^tfjs-revcol: [^\n]+\n$/);
  return error.slice('tfjs-revcol: '.length, -1);
}
