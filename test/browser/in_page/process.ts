/** The global `process`, of which Jest's runner reads a few fields. */
export * as process from './node';
