/** What tfjs-revcol/webgpu exports, besides the programs that it registers. */
export { warmUp } from '../training/warm_up';
