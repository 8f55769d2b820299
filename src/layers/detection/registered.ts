/**
 * The layer classes of this folder that saved models may hold, by the names that they are exported by.
 * A new one is entered here.
 */
import { BoxHead } from './box_head';
import { CascadeHead } from './cascade_head';
import { FPN } from './fpn';
import { MaskHead } from './mask_head';
import { RPNHead } from './rpn_head';

export const DETECTION_LAYERS = { BoxHead, CascadeHead, FPN, MaskHead, RPNHead };
