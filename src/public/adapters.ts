/** What tfjs-revcol/adapters exports: low-rank adapters on a model whose weights stay as they are. */
export { addAdapters, type AdapterOptions, removeAdapters } from '../adapters/add_adapters';
export { loadAdapters, type LoadAdaptersOptions } from '../adapters/load_adapters';
export { mergeAdapters, type MergeOptions, unmergeAdapters } from '../adapters/merge_adapters';
export { saveAdapters, type SaveAdaptersOptions } from '../adapters/save_adapters';
