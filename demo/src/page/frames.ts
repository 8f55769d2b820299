/** Counts frames that came late: whether the page stays smooth while its worker trains. */
const LATE = 50;

/** Counts from `start` on. */
export class Frames {
  count = 0;
  late = 0;
  private last = 0;
  private isOn = false;

  start(): void {
    [this.count, this.late, this.last] = [0, 0, 0];
    if (this.isOn) return;
    this.isOn = true;
    requestAnimationFrame(this.frame);
  }

  stop(): void {
    this.isOn = false;
  }

  private readonly frame = (now: number): void => {
    if (!this.isOn) return;
    // A hidden page has no frames to miss.
    if (this.last > 0 && !document.hidden) {
      this.count++;
      if (now - this.last > LATE) this.late++;
    }
    this.last = document.hidden ? 0 : now;
    requestAnimationFrame(this.frame);
  };
}
