/** Sizes and offsets of a 2-D convolution, for the kernels of its gradients. */
import * as tf from '@tensorflow/tfjs-core';

import { show } from '../../../common/arguments';

/** Sizes of a 2-D convolution in elements, always in the order batch, height, width, channels. */
export interface ConvGeometry {
  batch: number;
  height: number;
  width: number;
  channels: number;
  outHeight: number;
  outWidth: number;
  outChannels: number;
  filterHeight: number;
  filterWidth: number;
  strideHeight: number;
  strideWidth: number;
  dilationHeight: number;
  dilationWidth: number;
  /** Rows of padding above the image. */
  top: number;
  /** Columns of padding left of the image. */
  left: number;
  channelsLast: boolean;
  /** Shape that the convolution gives, in the data format of the input. */
  outShape: number[];
}

type Info = Parameters<typeof tf.backend_util.computeConv2DInfo>;

/** What the attributes of convolutions and of their gradients have in common. */
export interface ConvAttrs {
  strides: number | [number, number];
  pad: Info[4];
  /** tfjs passes null for the default. */
  dimRoundingMode?: Info[5] | null;
  dilations?: number | [number, number] | null;
  dataFormat?: 'NHWC' | 'NCHW';
}

/**
 * Geometry of the convolution that `attrs` describe, computed as the forward kernels compute it.
 *
 * @param owner the kernel, for messages
 * @throws {Error} when the shapes do not fit each other or dy
 */
export function convGeometry(
  owner: string,
  inputShape: number[],
  filterShape: number[],
  dyShape: number[],
  attrs: ConvAttrs,
  depthwise: boolean,
): ConvGeometry {
  if (inputShape.length !== 4 || filterShape.length !== 4) {
    throw new Error(
      `${owner}: input shape ${show(inputShape)} and filter shape ${show(filterShape)} must ` +
        `have 4 dimensions each`,
    );
  }
  const info = tf.backend_util.computeConv2DInfo(
    inputShape as [number, number, number, number],
    filterShape as [number, number, number, number],
    attrs.strides,
    depthwise ? (attrs.dilations ?? 1) : 1,
    attrs.pad,
    attrs.dimRoundingMode ?? undefined,
    depthwise,
    tf.backend_util.convertConv2DDataFormat(attrs.dataFormat ?? 'NHWC'),
  );
  if (info.inChannels !== filterShape[2]) {
    throw new Error(
      `${owner}: the input has ${info.inChannels} channels (shape ${show(inputShape)}), the ` +
        `filter is for ${filterShape[2]} (shape ${show(filterShape)})`,
    );
  }
  if (!tf.util.arraysEqual(dyShape, info.outShape)) {
    throw new Error(
      `${owner}: dy has shape ${show(dyShape)}, but input ${show(inputShape)} and filter ` +
        `${show(filterShape)} with strides ${attrs.strides} and pad ` +
        `${JSON.stringify(attrs.pad)} give ${show(info.outShape)}`,
    );
  }
  return {
    batch: info.batchSize,
    height: info.inHeight,
    width: info.inWidth,
    channels: info.inChannels,
    outHeight: info.outHeight,
    outWidth: info.outWidth,
    outChannels: info.outChannels,
    filterHeight: info.filterHeight,
    filterWidth: info.filterWidth,
    strideHeight: info.strideHeight,
    strideWidth: info.strideWidth,
    dilationHeight: info.dilationHeight,
    dilationWidth: info.dilationWidth,
    top: info.padInfo.top,
    left: info.padInfo.left,
    channelsLast: info.dataFormat === 'channelsLast',
    outShape: info.outShape,
  };
}

/**
 * Calls `visit(output pixel, input pixel, tap)` for every tap of every output pixel that reads
 * inside the image; all three count from 0 over the whole batch and the filter.
 */
export function forEachTap(
  g: ConvGeometry,
  visit: (outPixel: number, pixel: number, tap: number) => void,
): void {
  for (let b = 0, outPixel = 0; b < g.batch; b++) {
    for (let outRow = 0; outRow < g.outHeight; outRow++) {
      for (let outColumn = 0; outColumn < g.outWidth; outColumn++, outPixel++) {
        for (let tap = 0; tap < g.filterHeight * g.filterWidth; tap++) {
          const s = tap % g.filterWidth;
          const r = (tap - s) / g.filterWidth;
          const row = outRow * g.strideHeight - g.top + r * g.dilationHeight;
          const column = outColumn * g.strideWidth - g.left + s * g.dilationWidth;
          if (row < 0 || row >= g.height || column < 0 || column >= g.width) continue;
          visit(outPixel, (b * g.height + row) * g.width + column, tap);
        }
      }
    }
  }
}
