/** A pad to draw on, white on black as the digits are. */
import { element } from './dom';

const SIDE = 28;
/** Side of the box that a drawing is fitted into, as MNIST's were. */
const BOX = 20;
const PEN = 22;
const KEY_STEP = 10;

/** The pad; tells of every change. */
export class Pad {
  private readonly canvas = element('pad', HTMLCanvasElement);
  private readonly context = this.canvas.getContext('2d', {
    willReadFrequently: true,
  }) as CanvasRenderingContext2D;
  private last: [number, number] | undefined;
  private key: [number, number] = [140, 140];
  isEmpty = true;

  constructor(private readonly onChange: () => void) {
    this.clear();
    const { canvas } = this;
    canvas.addEventListener('pointerdown', (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.last = this.placeOf(event);
      this.lineTo(this.last);
    });
    canvas.addEventListener('pointermove', (event) => {
      if (this.last) this.lineTo(this.placeOf(event));
    });
    for (const type of ['pointerup', 'pointercancel'] as const) {
      canvas.addEventListener(type, () => {
        this.last = undefined;
      });
    }
    canvas.addEventListener('keydown', (event) => this.onKey(event));
  }

  private placeOf({ offsetX, offsetY }: PointerEvent): [number, number] {
    const { width, clientWidth, clientHeight, height } = this.canvas;
    return [(offsetX * width) / clientWidth, (offsetY * height) / clientHeight];
  }

  private onKey(event: KeyboardEvent): void {
    const moves: Record<string, [number, number]> = {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, -1],
      ArrowDown: [0, 1],
    };
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    const before = this.key;
    const within = (v: number) => Math.max(0, Math.min(this.canvas.width, v));
    this.key = [within(before[0] + KEY_STEP * move[0]), within(before[1] + KEY_STEP * move[1])];
    if (!event.shiftKey) return;
    this.last = before;
    this.lineTo(this.key);
    this.last = undefined;
  }

  private lineTo(to: [number, number]): void {
    const { context } = this;
    context.strokeStyle = '#fff';
    context.lineWidth = PEN;
    context.lineCap = 'round';
    context.beginPath();
    context.moveTo(...(this.last ?? to));
    context.lineTo(...to);
    context.stroke();
    this.last = to;
    this.isEmpty = false;
    this.onChange();
  }

  clear(): void {
    this.context.fillStyle = '#000';
    this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    this.isEmpty = true;
    this.onChange();
  }

  /** The drawing as grey bytes, 28 x 28: fitted and centred by its ink, as MNIST's digits are. */
  read(): Uint8Array<ArrayBuffer> {
    const { width, height } = this.canvas;
    const { data } = this.context.getImageData(0, 0, width, height);
    let [left, right, top, bottom] = [width, -1, height, -1];
    let [sum, sumX, sumY] = [0, 0, 0];
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const ink = data[4 * (y * width + x)] as number;
        if (ink === 0) continue;
        [left, right] = [Math.min(left, x), Math.max(right, x)];
        [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
        sum += ink;
        sumX += ink * x;
        sumY += ink * y;
      }
    }
    const grey = new Uint8Array(SIDE * SIDE);
    if (sum === 0) return grey;
    const scale = BOX / Math.max(right - left + 1, bottom - top + 1);
    const small = new OffscreenCanvas(SIDE, SIDE).getContext(
      '2d',
    ) as OffscreenCanvasRenderingContext2D;
    small.imageSmoothingQuality = 'high';
    const [dx, dy] = [SIDE / 2 - (scale * sumX) / sum, SIDE / 2 - (scale * sumY) / sum];
    small.drawImage(this.canvas, dx, dy, scale * width, scale * height);
    const pixels = small.getImageData(0, 0, SIDE, SIDE).data;
    return grey.map((_, i) => pixels[4 * i] as number);
  }

  /** The whole pad, as it is. */
  get picture(): HTMLCanvasElement {
    return this.canvas;
  }
}
