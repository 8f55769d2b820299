/** What has happened and what can be done about it, said where nobody misses it. */
import { element, make } from './dom';

export interface Action {
  text: string;
  run: () => void;
}

/** Says something, with buttons; any of them closes it. */
export function notice(text: string, actions: readonly Action[] = []): void {
  const place = element('notice', HTMLElement);
  element('notice-text', HTMLElement).textContent = text;
  const all = actions.length > 0 ? actions : [{ text: 'Close', run: () => undefined }];
  element('notice-actions', HTMLElement).replaceChildren(
    ...all.map(({ text: label, run }) => {
      const made = make('button', { type: 'button', textContent: label });
      made.addEventListener('click', () => {
        place.hidden = true;
        run();
      });
      return made;
    }),
  );
  place.hidden = false;
}

export function closeNotice(): void {
  element('notice', HTMLElement).hidden = true;
}
