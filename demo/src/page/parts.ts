/** The parts of the page that act on each other. */
import type { Controls } from './controls';
import type { Engine } from './engine';
import type { LookPanel } from './look_panel';
import type { Results } from './results';
import type { RunView } from './run_view';
import type { ShownPictures } from './shown_pictures';
import type { PageState } from './state';
import type { WorkerStart } from './worker_start';

export interface Parts {
  state: PageState;
  controls: Controls;
  engine: Engine;
  workers: WorkerStart;
  pictures: ShownPictures;
  results: Results;
  look: LookPanel;
  view: RunView;
}
