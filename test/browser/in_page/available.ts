/** Which backends the shared table has in a page: the one that the page was opened for. */
import { ENVIRONMENT } from './environment';

/** Starts backends that no import brings: none. */
export const LOADERS: Record<string, () => void> = {};

export const AVAILABLE: readonly string[] = [ENVIRONMENT.backend];

/** How to get those that are not there. */
export const HINT = ' (a page tests one backend)';
