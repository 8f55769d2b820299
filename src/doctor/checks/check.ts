/** What a check is. A new one is a file of this folder, entered in `index.ts`. */
import type { DoctorCheck } from '../report';

/** Something that a backend must compute rightly. */
export interface Check {
  /** As the report names it. */
  readonly name: string;
  /** Whether it is part of training, which some backends cannot do. */
  readonly trains: boolean;
  /**
   * Computes on the backend in use and judges. Frees what it makes, also when it throws; what it throws is
   * put into words by who calls it.
   */
  run(): Promise<DoctorCheck>;
}
