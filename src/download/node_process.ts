/** Which process holds a lock, and whether it still runs. */
import { ifThere } from '../common/if_there';
import { nodeBuiltin } from '../common/node';

/** What tells a process from every other that might use the folder. */
export interface ProcessIdentity {
  pid: number;
  host: string;
  /**
   * What process ids mean: in Linux the boot and the PID namespace, elsewhere the kind of system.
   * Undefined where it cannot be told; 0.1.0 wrote none.
   */
  system?: string;
  /** When the process started, in the kernel's own units: ids are given again. */
  started?: string;
  /** This copy of the module: workers share an id, and a process knows what it holds itself. */
  instance?: string;
}

/** What a lock file holds. */
export interface Holder extends ProcessIdentity {
  token: string;
}

let known: Promise<ProcessIdentity> | undefined;

/** Of this process. */
export function ownIdentity(): Promise<ProcessIdentity> {
  known ??= identify();
  return known;
}

async function identify(): Promise<ProcessIdentity> {
  const fs = await nodeBuiltin('fs');
  const host = (await nodeBuiltin('os')).hostname();
  const instance = (await nodeBuiltin('crypto')).randomUUID();
  const me = { pid: process.pid, host, instance };
  if (process.platform !== 'linux') return { ...me, system: process.platform };
  try {
    // A /proc of another namespace (a container that sees its host's) would speak of others.
    if ((await fs.readlink('/proc/self')) !== String(process.pid)) return me;
    const boot = (await fs.readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
    const namespace = await fs.readlink('/proc/self/ns/pid');
    return { ...me, system: `${boot} ${namespace}`, started: await startOf(process.pid) };
  } catch {
    return me;
  }
}

/** When a process started; undefined where that cannot be read. */
async function startOf(pid: number): Promise<string | undefined> {
  const fs = await nodeBuiltin('fs');
  const stat = await ifThere(fs.readFile(`/proc/${pid}/stat`, 'utf8'));
  // The name, second of the fields, may hold anything, also spaces and brackets.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

/**
 * Whether the holder is proven to run no more. False where that cannot be told: on another machine,
 * in another container, in locks of 0.1.0.
 *
 * @param held tokens of the locks that this copy of the module holds
 */
export async function hasEnded(holder: Holder, held: ReadonlySet<string>): Promise<boolean> {
  const me = await ownIdentity();
  if (holder.system === undefined || holder.system !== me.system) return false;
  if (process.platform !== 'linux' && holder.host !== me.host) return false;
  if (holder.instance === me.instance) return !held.has(holder.token);
  if (!isRunning(holder.pid)) return true;
  const started = await startOf(holder.pid);
  return holder.started !== undefined && started !== undefined && started !== holder.started;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it runs, but is another user's.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Reads what a lock file holds; undefined for anything that is none. */
export function parseHolder(text: string): Holder | undefined {
  try {
    const holder = JSON.parse(text) as Partial<Holder> | null;
    const sound =
      typeof holder?.token === 'string' &&
      holder.token !== '' &&
      Number.isSafeInteger(holder.pid) &&
      (holder.pid as number) > 0;
    return sound ? (holder as Holder) : undefined;
  } catch {
    return undefined;
  }
}
