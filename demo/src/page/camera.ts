/** The camera: shown while it is on, and recorded from while a button is held. */
import { button, element } from './dom';

/** Milliseconds between two pictures that are recorded. */
const EVERY = 120;

export class Camera {
  private readonly video = element('camera-view', HTMLVideoElement);
  private stream: MediaStream | undefined;
  private timer: ReturnType<typeof setInterval> | undefined;

  /**
   * @param onPicture gets what is recorded
   * @param onState called when it goes on or off
   * @param onProblem told why there is none
   */
  constructor(
    private readonly onPicture: (index: number, video: HTMLVideoElement) => void,
    private readonly onState: (isOn: boolean) => void,
    private readonly onProblem: (message: string) => void,
  ) {
    button('camera').addEventListener('click', () => {
      if (this.stream) this.stop();
      else this.start().catch((error: unknown) => this.onProblem(reasonOf(error)));
    });
    for (const type of ['pointerup', 'pointercancel', 'blur'] as const) {
      window.addEventListener(type, () => this.record(null));
    }
  }

  get isOn(): boolean {
    return this.stream !== undefined;
  }

  private async start(): Promise<void> {
    this.stream = await navigator.mediaDevices.getUserMedia({ video: { width: 320 } });
    this.video.srcObject = this.stream;
    await this.video.play();
    this.show();
  }

  stop(): void {
    this.record(null);
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = undefined;
    this.video.srcObject = null;
    this.show();
  }

  private show(): void {
    this.video.hidden = !this.isOn;
    button('camera').ariaPressed = String(this.isOn);
    this.onState(this.isOn);
  }

  /** Records for a class until called with null. */
  record(index: number | null): void {
    clearInterval(this.timer);
    if (index === null || !this.isOn) return;
    const take = () => this.onPicture(index, this.video);
    take();
    this.timer = setInterval(take, EVERY);
  }

  /** What it sees now; null while it is off. */
  get view(): HTMLVideoElement | null {
    return this.isOn && this.video.videoWidth > 0 ? this.video : null;
  }
}

function reasonOf(error: unknown): string {
  const { name, message } = error as Error;
  if (name === 'NotAllowedError') return 'The camera may not be used: the browser or you said no.';
  if (name === 'NotFoundError') return 'There is no camera here.';
  return `The camera does not start: ${message}`;
}
