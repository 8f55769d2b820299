/** What is told of a backend besides its numbers. A new backend is a file of this folder, entered in `index.ts`. */
import type { DoctorFinding, DoctorReport } from '../report';

/** What a backend runs on, and what follows from that. */
export interface BackendFacts {
  facts: DoctorReport['facts'];
  findings: DoctorFinding[];
}

/** Reads what the backend in use tells; it has started. */
export type ReadFacts = () => BackendFacts | Promise<BackendFacts>;

/** What is said where graphics are computed by the processor. */
export function softwareFinding(backend: string): DoctorFinding {
  return {
    kind: 'slow',
    code: 'software-renderer',
    text: `${backend} runs on a software renderer, on the processor: no graphics card is used`,
    advice:
      'where there is a graphics card, install its driver and switch hardware acceleration on; else use wasm, ' +
      'which is many times faster',
  };
}
