/** What stands in for `native_kernels.ts` in builds for browsers, where there is no TensorFlow: nothing. */
import type * as native from './native_kernels';

export const NATIVE_KERNELS: typeof native.NATIVE_KERNELS = [];

export const registerNativeFlag: typeof native.registerNativeFlag = () => undefined;

export const nativeAdamw8bit: typeof native.nativeAdamw8bit = () => null;

export const hasNativeLinear: typeof native.hasNativeLinear = () => false;
