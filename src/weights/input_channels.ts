/** Weights of RGB images for models of images with other channels, as timm makes them. */

import type { Checkpoint } from './checkpoint';
import { CheckpointError } from './errors';
import { findPrefix } from './names/published_names';

/** The one published weight that sees the image: `[out, channels, height, width]`. */
export const STEM_KERNEL = 'stem.0.weight';

const RGB = 3;

/**
 * The checkpoint with its stem's kernel made for images of `channels` channels: for one channel the sum
 * over red, green and blue, so that a grey image gives what it gave as RGB; for others the three in turn,
 * times 3 / channels, which keeps the size of the outputs.
 *
 * Source: `adapt_input_conv` of https://github.com/huggingface/pytorch-image-models,
 * `timm/models/_manipulate.py`.
 *
 * @param kernel the kernel's name in the file. Default: found as the published one
 * @throws {CheckpointError} 'mismatch' when the kernel is not there or of images that are not RGB
 */
export function withInputChannels(
  checkpoint: Checkpoint,
  channels: number,
  kernel = findPrefix([...checkpoint.entries.keys()]) + STEM_KERNEL,
): Checkpoint {
  const entry = checkpoint.entries.get(kernel);
  const [out, into, height, width] = entry?.shape ?? [];
  if (!entry || out === undefined || height === undefined || width === undefined) {
    throw new CheckpointError(
      'mismatch',
      `The file has no ${kernel} of four dimensions, whose input channels could be adapted`,
    );
  }
  if (into === channels) return checkpoint;
  if (into !== RGB) {
    throw new CheckpointError(
      'mismatch',
      `${kernel} is of images with ${into} channels; only weights of RGB images, with ${RGB}, are ` +
        `adapted to other numbers, here ${channels}`,
    );
  }
  const shape = [out, channels, height, width];
  const bytes = (entry.bytes / RGB) * channels;
  return {
    format: checkpoint.format,
    entries: new Map(checkpoint.entries).set(kernel, { ...entry, shape, bytes }),
    metadata: checkpoint.metadata,
    read: async (name) => {
      const data = await checkpoint.read(name);
      return name === kernel ? adapt(data, out, height * width, channels) : data;
    },
    close: () => checkpoint.close(),
  };
}

/** `[out, 3, area]` to `[out, channels, area]`. */
function adapt(rgb: Float32Array, out: number, area: number, channels: number): Float32Array {
  const adapted = new Float32Array(out * channels * area);
  const scale = RGB / channels;
  for (let o = 0; o < out; o++) {
    const from = rgb.subarray(o * RGB * area, (o + 1) * RGB * area);
    const to = adapted.subarray(o * channels * area, (o + 1) * channels * area);
    to.forEach((_, i) => {
      if (channels !== 1) to[i] = (from[i % (RGB * area)] as number) * scale;
      else
        to[i] = (from[i] as number) + (from[area + i] as number) + (from[2 * area + i] as number);
    });
  }
  return adapted;
}
