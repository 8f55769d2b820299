/** How good a classifier is. */
export { evaluate, type EvaluateOptions } from './evaluate';
export type {
  Calibration,
  CalibrationBin,
  ClassMetrics,
  Confusion,
  Evaluation,
  Mistake,
} from './evaluation';
export type { HistoryPoint, TrainingHistory } from './training_history';
