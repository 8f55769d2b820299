export { gelu, geluGrad } from './gelu';
export { layerNorm, layerNormGrad } from './layer_norm';
export { columnSum } from './column_sum';
export { gemm, BLOCK_SCRATCH } from './gemm';
export { convFilterGrad } from './conv_filter';
export { depthwiseFilterGrad } from './depthwise_filter';
export { depthwiseInputGrad } from './depthwise_input';
