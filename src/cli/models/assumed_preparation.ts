/** What is assumed of pictures where neither a model nor a record tells how they were prepared. */
import { IMAGENET_MEAN, IMAGENET_STD } from '../../registry/imagenet_statistics';
import { linesOf } from '../base/text';

/** A model that does not tell how its pictures are prepared. */
export interface Untold {
  /** The file or folder, for the message. */
  name: string;
  /** 1 of a model of grey pictures. */
  channels: number;
  /** `[height, width]` in pixels, where the model's own layers do not fix it. */
  assumedSize?: readonly [number, number];
  /** Whether classes have no names, and are told by their numbers. */
  numbered?: boolean;
}

/** A line for standard error: what was assumed, and what tells it. */
export function assumedPreparation(untold: Untold): string {
  const { name, channels, assumedSize, numbered } = untold;
  const assumed = [
    ...sizesAndStatistics(untold),
    ...(numbered ? ['numbers in place of the names of classes'] : []),
  ];
  const wrong =
    channels === 1
      ? 'They are of RGB pictures, and this model takes grey ones, so its answers are most likely wrong'
      : 'Where it was trained otherwise, its answers are wrong';
  const options = [
    ...(assumedSize ? ['--input-size gives the size'] : []),
    ...(numbered ? ['--labels gives the names'] : []),
  ];
  const advice = options.length > 0 ? `; ${options.join(', ')}` : '';
  return linesOf(`${name} ${UNTOLD}${assumed.join('; ')}. ${wrong}. ${TELLING}${advice}`);
}

/** The same where training begins with the model: it learns from pictures that are prepared so. */
export function assumedForTraining(untold: Untold): string {
  const { name, assumedSize, numbered } = untold;
  const assumed = [
    ...sizesAndStatistics(untold),
    ...(numbered ? ['classes in the order of the pictures, as theirs are as many'] : []),
  ];
  const wrong =
    'Training goes on with that, and saves it with what is trained; where the model has learned otherwise, it begins ' +
    'the worse for it';
  const advice = assumedSize ? '; --input-size gives the size' : '';
  return linesOf(`${name} ${UNTOLD}${assumed.join('; ')}. ${wrong}. ${TELLING}${advice}`);
}

const UNTOLD = 'does not tell how its pictures are prepared; assumed: ';

const TELLING =
  'These tell it: the name of published weights, their file by its published name, a folder that train made, and what ' +
  'was saved, or converted, of a model that knows it: with published weights, or after setUserDefinedMetadata({ mean, ' +
  'std, classNames })';

function sizesAndStatistics({ assumedSize }: Untold): string[] {
  return [
    `ImageNet's mean ${IMAGENET_MEAN.join(', ')} and deviation ${IMAGENET_STD.join(', ')}`,
    ...(assumedSize ? [`${assumedSize.join(' x ')} pixels`] : []),
  ];
}
