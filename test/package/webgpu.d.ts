/** What docs/webgpu-node.md uses of the npm package `webgpu`, which is not installed for tests. */
export function create(options: string[]): object;
export const globals: Record<string, unknown>;
