/** Everything that the WebAssembly module exports; `../simd_module.ts` declares it for TypeScript. */
export { adamw } from './adamw';
export { adamw8bit } from './adamw_8bit';
export { attention, attentionGrad } from './attention';
export { columnSum, productSum } from './column_sum';
export { convFilterGrad } from './conv_filter';
export { scatterPatches } from './conv_input';
export { depthwise, reverseTaps } from './depthwise';
export { depthwiseFilterGrad } from './depthwise_filter';
export { depthwiseInputGrad } from './depthwise_input';
export { gelu, geluGrad } from './gelu';
export { BLOCK_SCRATCH, gemm, gemmBatch } from './gemm';
export { layerNorm, layerNormGrad } from './layer_norm';
export { doubledGrad, doubledSum, scaledSum, undoLevel } from './level';
