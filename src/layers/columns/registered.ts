/**
 * The layer classes of this folder that saved models may hold, by the names that they are exported by.
 * A new one is entered here.
 */
import { ConvNextBlock } from './convnext_block';
import { RevColHead } from './head';
import { RevColImageDecoder } from './image_decoder';
import { LevelFusion } from './level_fusion';
import { RevColBackbone } from './rev_col_backbone';
import { ReversibleColumn } from './reversible_column';
import { RevColStem } from './stem';

export const COLUMN_LAYERS = {
  ConvNextBlock,
  LevelFusion,
  RevColBackbone,
  RevColHead,
  RevColImageDecoder,
  RevColStem,
  ReversibleColumn,
};
