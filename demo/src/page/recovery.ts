/** What the page does when its worker fails, is silent, or has lost its device: no more is lost than since the last save. */
import type { FailureKind } from '../shared/messages';
import { notice } from './notice';
import type { Parts } from './parts';
import type { Runs } from './runs';

/** Times that training goes on by itself after the device was lost. */
const MOST_RECOVERIES = 3;

export class Recovery {
  private recoveries = 0;

  constructor(
    private readonly parts: Parts,
    private readonly runs: Runs,
  ) {}

  /** A run begins: what went wrong in others does not count. */
  reset(): void {
    this.recoveries = 0;
  }

  onSilent(seconds: number): void {
    notice(
      `Nothing has been heard of the worker that trains for ${seconds} seconds. The browser may have ended ` +
        `it, or memory may be exhausted; or steps are just long.`,
      [
        {
          text: 'Start another worker',
          run: () => this.restart('The worker did not answer.', true),
        },
        { text: 'Wait', run: () => undefined },
      ],
    );
  }

  onFailure(failure: FailureKind, message: string): void {
    const { state, workers } = this.parts;
    if (state.value === 'starting') {
      state.set('starting', '');
      notice(message, [{ text: 'Try again', run: () => workers.again() }]);
      return;
    }
    if (failure === 'device') {
      const goesOn = ++this.recoveries <= MOST_RECOVERIES;
      this.restart('The browser has taken the graphics device away.', goesOn);
    } else if (failure === 'memory') {
      this.restart(
        'Memory is exhausted: a step takes more than this tab can get. Take fewer pictures in a step, or smaller ones.',
        false,
      );
    } else {
      this.restart(message, false);
    }
  }

  /** Starts another worker after a failure, and offers to go on from what was saved. */
  private restart(what: string, goesOn: boolean): void {
    const { view, state, workers, controls } = this.parts;
    const reached = view.points.at(-1)?.step ?? 0;
    view.end();
    state.set('starting', 'Starting another worker…');
    workers.start(controls.settings.backend, () => void this.offerToGoOn(what, reached, goesOn));
  }

  private async offerToGoOn(what: string, reached: number, goesOn: boolean): Promise<void> {
    const { state, pictures } = this.parts;
    const kept = await this.runs.kept();
    const step = kept?.step ?? 0;
    const lost =
      reached === 0
        ? 'no step had been taken'
        : `${Math.max(0, reached - step)} of ${reached} steps are lost`;
    if (!kept) {
      state.set('idle', pictures.summary);
      notice(`${what} Nothing had been saved yet: ${lost}.`);
      return;
    }
    state.set('paused', `Saved after step ${step}.`);
    const saved = `Training was saved after step ${step}: ${lost}.`;
    if (goesOn) {
      notice(`${what} ${saved} It goes on by itself.`);
      await this.runs.goOn();
      return;
    }
    notice(`${what} ${saved}`, [
      { text: 'Go on', run: () => void this.runs.goOn() },
      { text: 'Start over', run: () => void this.runs.startOver() },
    ]);
  }
}
