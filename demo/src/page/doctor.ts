/** What works in this browser, told on request. */
import type { FromDoctor } from '../shared/messages';
import { button, element } from './dom';

/** Examines the backends in a worker of its own, whenever the button is pressed. */
export function offerDoctor(): void {
  const ask = button('doctor');
  const text = element('doctor-text', HTMLPreElement);
  ask.onclick = () => {
    ask.disabled = true;
    text.hidden = false;
    text.ariaBusy = 'true';
    text.textContent = 'Looking…';
    const worker = new Worker(new URL('doctor.js', location.href), { type: 'module' });
    const end = (result: string) => {
      worker.terminate();
      text.textContent = result;
      text.ariaBusy = 'false';
      ask.disabled = false;
    };
    worker.onmessage = ({ data }: MessageEvent<FromDoctor>) => {
      if ('text' in data) end(data.text);
      else text.textContent = `${data.doing}…`;
    };
    worker.onerror = (event) => {
      event.preventDefault();
      end(`The doctor's own worker ended: ${event.message || 'the browser does not say why'}`);
    };
  };
}
