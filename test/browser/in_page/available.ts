/** Which backends the shared table has in a page: the one that the page was opened for. */
import { ENVIRONMENT } from './environment';

/** Starts backends that no import brings: none. */
export const LOADERS: Record<string, () => void> = {};

export const HAS_OPERATIONS = false;

/** On webgl and webgpu the package may not read synchronously: `synchronous_reads.ts` forbids it. */
export const readsAtOnce = (backend: string): boolean => backend === 'wasm';

export const AVAILABLE: readonly string[] = [ENVIRONMENT.backend];

/** How to get those that are not there. */
export const HINT = ' (a page tests one backend)';
