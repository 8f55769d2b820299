/** Text classifiers by name: `createModel` with the name of their weights. */
import type * as tfl from '@tensorflow/tfjs-layers';

import { type OptionNames, pickOptions } from '../common/options';
import type { FetchPretrainedOptions } from '../download/fetch_pretrained';
import { TEXT_SIZES, TEXT_WEIGHTS, type TextName } from '../registry/text';
import { createLoaded } from './pretrained';
import { createTextClassifier, type CreateTextModelOptions } from './text_model';
import { TOKEN_OPTIONS } from './token_columns';

/** Options of `createModel` for a text classifier by name; those left out are its own. */
export interface CreateNamedTextOptions extends Partial<
  Omit<CreateTextModelOptions, 'name' | 'vocabularySize'>
> {
  /** `true`: with the weights of that name, see `CreatePretrainedTextOptions`. Default: random weights. */
  pretrained?: false;
}

/** Options of `createModel` for a text classifier with weights: those of the model and of the download. */
export interface CreatePretrainedTextOptions
  extends Omit<CreateNamedTextOptions, 'pretrained'>, FetchPretrainedOptions {
  pretrained: true;
}

/** The names of the options. */
export const NAMED_TEXT_OPTIONS: OptionNames<CreateNamedTextOptions> = {
  ...TOKEN_OPTIONS,
  numClasses: true,
  pretrained: true,
};

/** `createModel` for a text classifier. */
export function createNamedText(
  name: TextName,
  options: CreateNamedTextOptions | CreatePretrainedTextOptions,
): tfl.LayersModel | Promise<tfl.LayersModel> {
  const record = TEXT_WEIGHTS[name];
  const { vocabularySize, width, depths, columns, numHeads, intermediateDim } =
    TEXT_SIZES[record.size];
  const numClasses = options.numClasses ?? record.numClasses;
  const build = () =>
    createTextClassifier({
      ...{ vocabularySize, width, depths: [...depths], columns, numHeads, intermediateDim },
      ...pickOptions(options, TOKEN_OPTIONS),
      numClasses,
      name,
    });
  if (!options.pretrained) return build();
  return createLoaded(build, record, { numClasses, supervised: false, imageChannels: 0 }, options);
}
