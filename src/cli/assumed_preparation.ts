/** What is assumed of pictures where neither a model nor a record tells how they were prepared. */
import { IMAGENET_MEAN, IMAGENET_STD } from '../registry/imagenet_statistics';

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
export function assumedPreparation({ name, channels, assumedSize, numbered }: Untold): string {
  const assumed = [
    `ImageNet's mean ${IMAGENET_MEAN.join(', ')} and deviation ${IMAGENET_STD.join(', ')}`,
    ...(assumedSize ? [`${assumedSize.join(' x ')} pixels`] : []),
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
  return (
    `${name} does not tell how its pictures are prepared; assumed: ${assumed.join('; ')}. ${wrong}. These tell it: ` +
    'the name of published weights, their file by its published name, a folder that train made or convert made of ' +
    'them, and one of a model that was saved after setUserDefinedMetadata({ mean, std, classNames })' +
    `${options.length > 0 ? `; ${options.join(', ')}` : ''}\n`
  );
}
