/** What state the page is in; the big button and the line below it say so. */
import type { Controls } from './controls';
import { button, element } from './dom';

export type State = 'starting' | 'idle' | 'training' | 'pausing' | 'paused' | 'done';

/** What the big button does in each state, where it does not depend on the settings. */
const WORDS: Record<Exclude<State, 'starting' | 'idle'>, string> = {
  training: 'Pause',
  pausing: 'Pausing…',
  paused: 'Go on',
  done: 'Train again',
};

/** States in which a run holds on to its settings and pictures. */
const RUNNING: readonly State[] = ['training', 'pausing', 'paused'];

export class PageState {
  value: State = 'starting';
  private readonly go = button('go');
  private readonly status = element('status', HTMLElement);

  /** @param onChange called when it is another one */
  constructor(
    private readonly controls: Controls,
    private readonly onChange: () => void,
  ) {}

  /** @param status what is said of it; by default what was said before */
  set(state: State, status?: string): void {
    this.value = state;
    this.showBegin();
    this.go.disabled = state === 'starting' || state === 'pausing';
    button('over').hidden = state !== 'paused';
    this.controls.lock(this.isRunning);
    button('save').disabled = state !== 'done' && state !== 'paused';
    if (status !== undefined) this.say(status);
    this.onChange();
  }

  /** Names the button after what a run would begin with. */
  showBegin(): void {
    const { value } = this;
    const isBefore = value === 'starting' || value === 'idle';
    this.go.textContent = isBefore
      ? this.controls.begins === 'fresh'
        ? 'Train'
        : 'Fine-tune'
      : WORDS[value];
  }

  say(text: string): void {
    this.status.textContent = text;
  }

  /** Nothing can be trained on, for a reason. */
  block(reason: string): void {
    if (this.isAtRest) this.set('idle', reason);
    this.go.disabled = true;
  }

  /** Whether a run is under way, or stopped before its end. */
  get isRunning(): boolean {
    return RUNNING.includes(this.value);
  }

  /** Whether settings and pictures may become others. */
  get isAtRest(): boolean {
    return this.value === 'idle' || this.value === 'done';
  }
}
