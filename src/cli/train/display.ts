/** How training is shown: a bar that moves with every step, and a line for every epoch. */
import { SingleBar } from 'cli-progress';

import { bytesText } from '../../common/bytes';
import type { FineTuneEpoch, FineTuneStep } from '../../finetune/base/events';
import type { Terminal } from '../base/terminal';
import { linesOf } from '../base/text';

/** Share of what was shown before that is kept: single steps jump. */
const KEPT = 0.9;

const FORMAT =
  'epoch {epoch}/{epochs} {bar} {value}/{total}  loss {loss}  accuracy {accuracy}  {speed} images/s  ' +
  '{memory}  {left} left';

/** Shows how training goes. */
export class TrainingDisplay {
  private bar: SingleBar | undefined;
  private shown: { loss: number; accuracy: number; speed: number } | undefined;

  constructor(private readonly terminal: Terminal) {}

  /** Moves the bar, where there is somebody to see it. */
  readonly onStep = (step: FineTuneStep): void => {
    const { progress } = this.terminal;
    const { shown } = this;
    const smooth = (before: number | undefined, now: number) =>
      before === undefined ? now : KEPT * before + (1 - KEPT) * now;
    this.shown = {
      loss: smooth(shown?.loss, step.loss),
      accuracy: smooth(shown?.accuracy, step.accuracy),
      speed: smooth(shown?.speed, step.imagesPerSecond),
    };
    if (!progress) return;
    const facts = {
      epoch: step.epoch,
      epochs: step.epochs,
      loss: this.shown.loss.toFixed(3),
      accuracy: percentText(this.shown.accuracy),
      speed: speedText(this.shown.speed),
      memory: bytesText(step.peakBytes),
      left: timeText(step.secondsLeft),
    };
    if (!this.bar) {
      this.bar = new SingleBar({
        stream: progress,
        format: FORMAT,
        barsize: 20,
        hideCursor: true,
        clearOnComplete: true,
      });
      this.bar.start(step.steps, step.step, facts);
    }
    this.bar.update(step.step, facts);
  };

  /** Tells of an epoch. */
  readonly onEpoch = (epoch: FineTuneEpoch): void => {
    this.clear();
    const { loss, accuracy, validationLoss, validationAccuracy, validationMeanIoU } = epoch;
    const { validationBoxAP, validationMaskAP } = epoch;
    const best = epoch.isBest ? ' *' : '';
    const parts = [
      `epoch ${epoch.epoch} of ${epoch.epochs} (${epoch.phase ?? 'all'})`,
      ...(loss === undefined ? [] : [`loss ${loss.toFixed(4)}`]),
      ...(accuracy === undefined ? [] : [`accuracy ${percentText(accuracy)}`]),
      ...(validationLoss === undefined
        ? []
        : [
            `validation loss ${validationLoss.toFixed(4)}`,
            `accuracy ${percentText(validationAccuracy ?? 0)}${best}`,
          ]),
      ...(validationMeanIoU === undefined
        ? []
        : [`validation mIoU ${percentText(validationMeanIoU)}${best}`]),
      ...(validationBoxAP === undefined
        ? []
        : [
            `validation AP of boxes ${percentText(validationBoxAP)}${best}`,
            `of masks ${percentText(validationMaskAP ?? 0)}`,
          ]),
      ...(epoch.imagesPerSecond === undefined
        ? []
        : [`${speedText(epoch.imagesPerSecond)} images/s`]),
      ...(epoch.peakBytes === undefined ? [] : [bytesText(epoch.peakBytes)]),
    ];
    this.terminal.error(linesOf(parts.join(', ')));
  };

  /** Takes the bar away. */
  clear(): void {
    this.bar?.stop();
    this.bar = undefined;
  }
}

/** `87.5 %`. */
export function percentText(fraction: number): string {
  return `${(100 * fraction).toFixed(1)} %`;
}

/** The same; a dash where there is nothing to divide by, or to find. */
export function shareText(share: number | null): string {
  return share === null ? '–' : percentText(share);
}

function speedText(speed: number): string {
  return speed >= 100 ? String(Math.round(speed)) : speed.toPrecision(2);
}

/** `2:05`, `1:02:05`. */
function timeText(seconds: number): string {
  const whole = Math.round(seconds);
  const two = (n: number) => String(n).padStart(2, '0');
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const rest = `${two(minutes)}:${two(whole % 60)}`;
  return hours > 0 ? `${hours}:${rest}` : rest.replace(/^0/, '');
}
