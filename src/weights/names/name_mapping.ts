/**
 * The one mapping between the names of the published checkpoints (official PyTorch code) and the
 * names of the weights here. Pure and invertible; both sides' layouts come with it.
 *
 * Source of the published names: `models/revcol.py` and `models/revcol_huge.py` of
 * https://github.com/megvii-research/RevCol; those of the heads for segmentation are mmsegmentation's,
 * those of detectors mmdetection's.
 */

import {
  ALPHA,
  CONVOLUTION,
  COUNT,
  DEPTHWISE,
  FLATTENED,
  LINEAR,
  POINTWISE,
  TRANSPOSED,
  VECTOR,
  type WeightLayout,
} from './weight_layout';

/**
 * Which image decoder the intermediate supervision has: `progressive` with at most 1000 classes,
 * `simple` with more. Both use the published name `projback.0`, for different weights.
 */
export type DecoderKind = 'progressive' | 'simple';

/** A weight's name on the other side, and how its elements get there. */
export interface MappedName {
  readonly name: string;
  readonly layout: WeightLayout;
}

/** Both directions of the mapping. */
export interface NameMapping {
  /** Published name to ours, for example `stem.0.bias` to `backbone/stem/projection/bias`. */
  toOwn(published: string): MappedName | undefined;
  /** Our name to the published one. */
  toPublished(own: string): MappedName | undefined;
}

/** Names with `{x}` in place of numbers, which are the same on both sides. */
interface Rule {
  readonly published: string;
  readonly own: string;
  readonly layout: WeightLayout;
}

/** Published name first, ours second, in every function below. */
function norm(published: string, own: string): Rule[] {
  return [
    { published: `${published}.weight`, own: `${own}/gamma`, layout: VECTOR },
    { published: `${published}.bias`, own: `${own}/beta`, layout: VECTOR },
  ];
}

function kernelAndBias(published: string, own: string, layout: WeightLayout): Rule[] {
  return [
    { published: `${published}.weight`, own: `${own}/kernel`, layout },
    { published: `${published}.bias`, own: `${own}/bias`, layout: VECTOR },
  ];
}

function block(published: string, own: string): Rule[] {
  return [
    ...kernelAndBias(`${published}.dwconv`, `${own}/depthwise`, DEPTHWISE),
    ...norm(`${published}.norm`, `${own}/norm`),
    ...kernelAndBias(`${published}.pwconv1`, `${own}/expand`, LINEAR),
    ...kernelAndBias(`${published}.pwconv2`, `${own}/project`, LINEAR),
    { published: `${published}.gamma`, own: `${own}/layer_scale`, layout: VECTOR },
  ];
}

function head(published: string, own: string): Rule[] {
  return [
    ...norm(`${published}.classifier.0`, `${own}/norm`),
    ...kernelAndBias(`${published}.classifier.1`, `${own}/classifier`, LINEAR),
  ];
}

/** Convolution, batch normalisation: mmcv's `ConvModule`. */
function convModule(published: string, own: string): Rule[] {
  const statistics = (name: string, ours: string, layout: WeightLayout): Rule => ({
    published: `${published}.bn.${name}`,
    own: `${own}/norm/${ours}`,
    layout,
  });
  return [
    { published: `${published}.conv.weight`, own: `${own}/kernel`, layout: CONVOLUTION },
    ...norm(`${published}.bn`, `${own}/norm`),
    statistics('running_mean', 'moving_mean', VECTOR),
    statistics('running_var', 'moving_variance', VECTOR),
    statistics('num_batches_tracked', 'batches', COUNT),
  ];
}

const LEVEL = 'subnet{c}.level{l}';
const OWN_LEVEL = 'backbone/column_{c}/level_{l}';
const DECODER = 'decoder_blocks.{k}';

const COMMON_RULES: readonly Rule[] = [
  ...kernelAndBias('stem.0', 'backbone/stem/projection', CONVOLUTION),
  ...norm('stem.1', 'backbone/stem/norm'),
  { published: 'subnet{c}.alpha{l}', own: `${OWN_LEVEL}/alpha`, layout: ALPHA },
  ...kernelAndBias(`${LEVEL}.fusion.down.0`, `${OWN_LEVEL}/fusion/down`, CONVOLUTION),
  ...norm(`${LEVEL}.fusion.down.1`, `${OWN_LEVEL}/fusion/down_norm`),
  ...kernelAndBias(`${LEVEL}.fusion.up.channel_reschedule.0`, `${OWN_LEVEL}/fusion/up`, LINEAR),
  ...norm(`${LEVEL}.fusion.up.channel_reschedule.1`, `${OWN_LEVEL}/fusion/up_norm`),
  ...kernelAndBias(`${LEVEL}.fusion.up2.channel_reschedule.0`, `${OWN_LEVEL}/fusion/top`, LINEAR),
  ...norm(`${LEVEL}.fusion.up2.channel_reschedule.1`, `${OWN_LEVEL}/fusion/top_norm`),
  ...block(`${LEVEL}.blocks.{j}`, `${OWN_LEVEL}/block_{j}`),
  ...head('cls', 'head'),
  ...head('cls_blocks.{k}', 'head_{k}'),
  ...block(`${DECODER}.normal_layers.{i}.0`, 'decoder_{k}/block_{i}'),
  ...kernelAndBias(`${DECODER}.proj_layers.{i}.0`, 'decoder_{k}/projection_{i}', POINTWISE),
  ...norm(`${DECODER}.proj_layers.{i}.1`, 'decoder_{k}/projection_{i}/norm'),
];

/** Heads of segmentation, by the names that a segmenter gives them. */
const SEGMENTATION_RULES: readonly Rule[] = [
  ...['decode_head', 'auxiliary_head'].flatMap((role) => [
    ...kernelAndBias(`${role}.conv_seg`, `${role}/logits`, POINTWISE),
    ...convModule(`${role}.convs.{i}`, `${role}/conv_{i}`),
  ]),
  ...convModule('decode_head.psp_modules.{i}.1', 'decode_head/psp_{i}'),
  ...convModule('decode_head.bottleneck', 'decode_head/bottleneck'),
  ...convModule('decode_head.lateral_convs.{i}', 'decode_head/lateral_{i}'),
  ...convModule('decode_head.fpn_convs.{i}', 'decode_head/fpn_{i}'),
  ...convModule('decode_head.fpn_bottleneck', 'decode_head/fpn_bottleneck'),
];

const BOXES = 'roi_head.bbox_head.{k}';
const OWN_BOXES = 'roi_head/box_{k}';
const MASKS = 'roi_head.mask_head.{k}';
const OWN_MASKS = 'roi_head/mask_{k}';

/** Parts of detectors, by the names that a detector gives them. */
const DETECTION_RULES: readonly Rule[] = [
  ...kernelAndBias('neck.lateral_convs.{i}.conv', 'neck/lateral_{i}', POINTWISE),
  ...kernelAndBias('neck.fpn_convs.{i}.conv', 'neck/output_{i}', CONVOLUTION),
  ...kernelAndBias('rpn_head.rpn_conv', 'rpn_head/conv', CONVOLUTION),
  ...kernelAndBias('rpn_head.rpn_cls', 'rpn_head/objectness', POINTWISE),
  ...kernelAndBias('rpn_head.rpn_reg', 'rpn_head/deltas', POINTWISE),
  ...kernelAndBias(`${BOXES}.fc_cls`, `${OWN_BOXES}/classes`, LINEAR),
  ...kernelAndBias(`${BOXES}.fc_reg`, `${OWN_BOXES}/deltas`, LINEAR),
  ...convModule(`${BOXES}.shared_convs.{i}`, `${OWN_BOXES}/shared_{i}`),
  ...kernelAndBias(`${BOXES}.shared_fcs.0`, `${OWN_BOXES}/hidden`, FLATTENED),
  ...kernelAndBias(`${MASKS}.convs.{i}.conv`, `${OWN_MASKS}/conv_{i}`, CONVOLUTION),
  ...kernelAndBias(`${MASKS}.upsample`, `${OWN_MASKS}/upsample`, TRANSPOSED),
  ...kernelAndBias(`${MASKS}.conv_logits`, `${OWN_MASKS}/logits`, POINTWISE),
];

const HEAD_RULES: readonly Rule[] = [...SEGMENTATION_RULES, ...DETECTION_RULES];

const PIXEL_RULES: Readonly<Record<DecoderKind, readonly Rule[]>> = {
  progressive: kernelAndBias(`${DECODER}.projback.0`, 'decoder_{k}/pixels', POINTWISE),
  simple: [
    ...norm(`${DECODER}.projback.0`, 'decoder_{k}/norm'),
    ...kernelAndBias(`${DECODER}.projback.1`, 'decoder_{k}/pixels', POINTWISE),
  ],
};

const MAPPINGS: Readonly<Record<DecoderKind, NameMapping>> = {
  progressive: compile([...COMMON_RULES, ...HEAD_RULES, ...PIXEL_RULES.progressive]),
  simple: compile([...COMMON_RULES, ...HEAD_RULES, ...PIXEL_RULES.simple]),
};

/** The mapping for checkpoints and models with this kind of decoder, or with none. */
export function nameMapping(decoder: DecoderKind = 'progressive'): NameMapping {
  return MAPPINGS[decoder];
}

/** The kind of decoder in a checkpoint, from its names (without prefix). */
export function decoderOfPublished(names: Iterable<string>): DecoderKind {
  for (const name of names) if (/^decoder_blocks\.\d+\.projback\.1\./.test(name)) return 'simple';
  return 'progressive';
}

/** The kind of decoder in a model, from our names. */
export function decoderOfOwn(names: Iterable<string>): DecoderKind {
  for (const name of names) if (/^decoder_\d+\/norm\//.test(name)) return 'simple';
  return 'progressive';
}

function compile(rules: readonly Rule[]): NameMapping {
  const own = rules.map((rule) => translator(rule.published, rule.own, rule.layout));
  const published = rules.map((rule) => translator(rule.own, rule.published, rule.layout));
  return {
    toOwn: (name) => firstOf(own, name),
    toPublished: (name) => firstOf(published, name),
  };
}

type Translator = (name: string) => MappedName | undefined;

function firstOf(translators: readonly Translator[], name: string): MappedName | undefined {
  for (const translate of translators) {
    const mapped = translate(name);
    if (mapped) return mapped;
  }
  return undefined;
}

/** Names of the form `from` become `to` with the same numbers. */
function translator(from: string, to: string, layout: WeightLayout): Translator {
  const literal = from.replace(/[.*+?^$()|[\]\\]/g, '\\$&');
  // No leading zeros: two spellings of one number would map to one name.
  const pattern = new RegExp(`^${literal.replace(/\{(\w)\}/g, '(?<$1>0|[1-9]\\d{0,5})')}$`);
  return (name) => {
    const numbers = pattern.exec(name);
    if (!numbers) return undefined;
    const number = (_: string, key: string): string => numbers.groups?.[key] ?? '';
    return { name: to.replace(/\{(\w)\}/g, number), layout };
  };
}
