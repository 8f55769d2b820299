/** Which modules a segmentation head is made of: for building it, and for describing one too large to build. */

/** Where a module is applied: at every pixel of a level of the pyramid, or at those of a grid. */
export type ModulePlace = { readonly level: number } | { readonly grid: number };

/** One module of convolution, batch normalisation and ReLU. */
export interface HeadModule {
  /** Its name in the head. */
  readonly path: string;
  readonly kernelSize: number;
  /** Channels of its input; its output has the head's `filters`. */
  readonly from: number;
  readonly place: ModulePlace;
}

/**
 * Modules of a `UPerHead`, in the order of mmsegmentation's checkpoints.
 *
 * @param channels those of the levels, bottom first
 */
export function uperModules(
  channels: readonly number[],
  filters: number,
  poolScales: readonly number[],
): HeadModule[] {
  const top = channels.length - 1;
  const from = channels[top] as number;
  const lower = channels.slice(0, top);
  return [
    ...poolScales.map((grid, i) => ({ path: `psp_${i}`, kernelSize: 1, from, place: { grid } })),
    {
      path: 'bottleneck',
      kernelSize: 3,
      from: from + poolScales.length * filters,
      place: { level: top },
    },
    ...lower.map((c, level) => ({
      path: `lateral_${level}`,
      kernelSize: 1,
      from: c,
      place: { level },
    })),
    ...lower.map((_, level) => ({
      path: `fpn_${level}`,
      kernelSize: 3,
      from: filters,
      place: { level },
    })),
    {
      path: 'fpn_bottleneck',
      kernelSize: 3,
      from: channels.length * filters,
      place: { level: 0 },
    },
  ];
}

/** Modules of an `FCNHead` on a level with so many channels. */
export function fcnModules(
  level: number,
  channels: number,
  filters: number,
  convs: number,
): HeadModule[] {
  return Array.from({ length: convs }, (_, i) => ({
    path: `conv_${i}`,
    kernelSize: 3,
    from: i === 0 ? channels : filters,
    place: { level },
  }));
}
