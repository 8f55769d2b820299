/** What is noted while a model learns, for reports: plain JSON, a point after another. */

/**
 * What was measured at a step. Each point has what was known then; a report draws a curve of each name
 * that occurs. Appended line by line (JSON lines), or kept as a list.
 */
export interface HistoryPoint {
  /** Steps done, from 1. */
  readonly step: number;
  /** Passes over the training pictures done, with fractions. */
  readonly epoch?: number;
  /** Mean loss of the training batches since the last point. */
  readonly loss?: number;
  /**
   * Part of those batches' pictures that were classified rightly, in 0..1; of a segmenter, of their pixels; of a
   * detector, of the regions that its heads have looked at.
   */
  readonly accuracy?: number;
  /** Mean loss on the pictures for validation. */
  readonly validationLoss?: number;
  /** Part of the pictures for validation that were classified rightly, in 0..1. */
  readonly validationAccuracy?: number;
  /** Of a segmenter: mean intersection over union on the pictures for validation, in 0..1. */
  readonly validationMeanIoU?: number;
  /** Of a detector: average precision of boxes on the pictures for validation, in 0..1. */
  readonly validationBoxAP?: number;
  /** The same of masks. */
  readonly validationMaskAP?: number;
  /** Learning rate of the step: the highest, where layers have rates of their own. */
  readonly learningRate?: number;
  /** Bytes in tensors after the step. */
  readonly bytes?: number;
  /** Most bytes in tensors during the step. */
  readonly peakBytes?: number;
  /** Resident memory of the process, in bytes, where there is one. */
  readonly residentBytes?: number;
  /** Since training began, without the time between runs. */
  readonly seconds?: number;
  /** Training pictures per second since the last point. */
  readonly imagesPerSecond?: number;
  /** What this part of training trains, for example `head`: where it changes, a report draws a line. */
  readonly phase?: string;
}

/** All points of a training, in the order of their steps. */
export type TrainingHistory = readonly HistoryPoint[];
