/** What tfjs-revcol/doctor exports: what works here, how fast, and what is wrong. */
export { doctor, type DoctorOptions } from '../doctor/doctor';
export type { DoctorProgress } from '../doctor/examine';
export type {
  DoctorBackendState,
  DoctorCheckState,
  DoctorBackend,
  DoctorCheck,
  DoctorFinding,
  DoctorFit,
  DoctorMemory,
  DoctorReport,
  DoctorStep,
  DoctorFindingKind,
  DoctorVerdict,
} from '../doctor/report';
export { doctorText } from '../doctor/text';
