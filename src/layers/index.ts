/** Factories in the manner of `tf.layers.*`. */
import { ConvNextBlock, type ConvNextBlockArgs } from './convnext_block';
import { RevColHead, type RevColHeadArgs } from './head';
import { RevColImageDecoder, type RevColImageDecoderArgs } from './image_decoder';
import { LevelFusion, type LevelFusionArgs } from './level_fusion';
import { RevColBackbone, type RevColBackboneArgs } from './rev_col_backbone';
import { ReversibleColumn, type ReversibleColumnArgs } from './reversible_column';
import { RevColStem, type RevColStemArgs } from './stem';

/** See `RevColBackbone`. */
export function revColBackbone(args?: RevColBackboneArgs): RevColBackbone {
  return new RevColBackbone(args);
}

/** See `ReversibleColumn`. */
export function reversibleColumn(args?: ReversibleColumnArgs): ReversibleColumn {
  return new ReversibleColumn(args);
}

/** See `LevelFusion`. */
export function levelFusion(args?: LevelFusionArgs): LevelFusion {
  return new LevelFusion(args);
}

/** See `ConvNextBlock`. */
export function convNextBlock(args?: ConvNextBlockArgs): ConvNextBlock {
  return new ConvNextBlock(args);
}

/** See `RevColStem`. */
export function revColStem(args: RevColStemArgs): RevColStem {
  return new RevColStem(args);
}

/** See `RevColHead`. */
export function revColHead(args: RevColHeadArgs): RevColHead {
  return new RevColHead(args);
}

/** See `RevColImageDecoder`. */
export function revColImageDecoder(args: RevColImageDecoderArgs): RevColImageDecoder {
  return new RevColImageDecoder(args);
}
