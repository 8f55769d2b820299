/**
 * JPEG files of four components (CMYK and YCCK), by a decoder that takes only three: their data are
 * sorted, as they are, into two files of three components, of which one has the colours and the other
 * the black. So each sample comes out as libjpeg, which Pillow uses, decodes it.
 *
 * ITU-T T.81: https://www.w3.org/Graphics/JPEG/itu-t81.pdf; Adobe's marker: technical note 5116.
 */
import {
  BitReader,
  BitWriter,
  type HuffmanCodes,
  type HuffmanTable,
  huffmanTable,
  readHuffmanCodes,
} from './jpeg_bits';
import {
  isFrame,
  JPEG_SCAN,
  type JpegComponent,
  type JpegFrame,
  type JpegSegment,
  jpegSegments,
  largestSampling,
} from './jpeg_file';

const HUFFMAN_TABLES = 0xc4;
const RESTART_INTERVAL = 0xdd;
const ADOBE = 0xee;
const BLACK = 3;

interface CmykFiles {
  /** The first three components: RGB out of Y, Cb, Cr, or cyan, magenta, yellow as they are. */
  readonly colours: Uint8Array;
  /** Two components of the colours, then the black. */
  readonly black: Uint8Array;
  /** Whether the colours are RGB, so the inverse of what is stored of CMYK. */
  readonly isYcck: boolean;
}

/**
 * Sorts the data of a JPEG file of four components into two files of three.
 *
 * @param frame of `bytes`, from `checkJpeg`
 * @throws {Error} when the data are damaged, arithmetic-coded or lossless, or their components are
 * sampled or spread over scans in a way that no three of them can stand without the fourth
 */
export function splitCmyk(bytes: Uint8Array, frame: JpegFrame): CmykFiles {
  if (frame.marker > 0xc2) {
    throw new Error('CMYK is only read from Huffman-coded, baseline or progressive files');
  }
  const segments = [...jpegSegments(bytes)];
  // As libjpeg does: with Adobe's marker anything but "none" means YCCK, without it there is none.
  const adobe = segments
    .filter(({ marker, content }) => marker === ADOBE && isAdobe(content))
    .at(-1);
  const isYcck = adobe !== undefined && adobe.content[11] !== 0;
  const bySize = [0, 1, 2].sort((a, b) => area(frame, b) - area(frame, a));
  const besideBlack = bySize.slice(0, 2).sort((a, b) => a - b);
  return {
    colours: withComponents(segments, frame, [0, 1, 2], isYcck ? 1 : 0),
    black: withComponents(segments, frame, [...besideBlack, BLACK], 0),
    isYcck,
  };
}

/**
 * The pixels that Pillow makes of CMYK, which it takes to be stored inverted, with or without Adobe's
 * marker: RGB by `convert('RGB')`, which divides as this does.
 *
 * @param colours RGBA pixels of the colours, overwritten with the result
 * @param black RGBA pixels whose blue is the black
 */
export function mergeCmyk(
  colours: Uint8Array | Uint8ClampedArray,
  black: Uint8Array | Uint8ClampedArray,
  isYcck: boolean,
): void {
  for (let i = 0; i < colours.length; i += 4) {
    const light = black[i + 2] as number;
    for (let c = i; c < i + 3; c++) {
      const colour = colours[c] as number;
      const product = (isYcck ? colour : 255 - colour) * light + 128;
      colours[c] = light - (((product >> 8) + product) >> 8);
    }
  }
}

function isAdobe(content: Uint8Array): boolean {
  return content.length >= 12 && String.fromCharCode(...content.subarray(0, 5)) === 'Adobe';
}

function area({ components }: JpegFrame, index: number): number {
  const { across, down } = components[index] as JpegComponent;
  return across * down;
}

/** The file with only these components, and a marker that says how its colours are transformed. */
function withComponents(
  segments: readonly JpegSegment[],
  frame: JpegFrame,
  kept: readonly number[],
  transform: number,
): Uint8Array {
  const components = kept.map((i) => frame.components[i] as JpegComponent);
  const [across, down] = largestSampling(components);
  const [mostAcross, mostDown] = largestSampling(frame.components);
  if (across !== mostAcross || down !== mostDown) {
    throw new Error('CMYK whose components are sampled like these is not read; save it as RGB');
  }
  const ids = new Set(components.map(({ id }) => id));
  const tables = new Map<number, HuffmanCodes>();
  let restartInterval = 0;
  const adobe = [...Buffer.from('Adobe'), 0, 100, 0, 0, 0, 0, transform];
  const pieces = [Buffer.from([0xff, 0xd8]), segment(ADOBE, Uint8Array.from(adobe))];
  for (const { marker, content, data } of segments) {
    // Metadata: some of it says how the colours of four components are transformed.
    if (marker >= 0xe0) continue;
    if (isFrame(marker)) {
      const parts = kept.flatMap((i) => [...content.subarray(6 + 3 * i, 9 + 3 * i)]);
      pieces.push(segment(marker, Uint8Array.of(...content.subarray(0, 5), kept.length, ...parts)));
    } else if (marker === JPEG_SCAN) {
      const scan = readScan(content, frame);
      const inScan = scan.parts.filter(({ component }) => ids.has(component.id));
      if (inScan.length === 0) continue;
      const parts = inScan.flatMap(({ component, selectors }) => [component.id, selectors]);
      pieces.push(segment(marker, Uint8Array.of(inScan.length, ...parts, ...scan.end)));
      if (inScan.length === scan.parts.length) pieces.push(Buffer.from(data));
      else if (inScan.length === 1) {
        // Alone, a component's blocks come in another order.
        throw new Error('CMYK whose scans are made up like these is not read; save it as RGB');
      } else pieces.push(sortBlocks(data, { frame, scan, ids, tables, restartInterval }));
    } else {
      if (marker === HUFFMAN_TABLES) {
        for (const [name, table] of readHuffmanCodes(content)) tables.set(name, table);
      }
      if (marker === RESTART_INTERVAL)
        restartInterval = ((content[0] ?? 0) << 8) | (content[1] ?? 0);
      pieces.push(segment(marker, content));
    }
  }
  return Buffer.concat([...pieces, Buffer.from([0xff, 0xd9])]);
}

function segment(marker: number, content: Uint8Array): Buffer {
  const head = Buffer.from([0xff, marker, 0, 0]);
  head.writeUInt16BE(content.length + 2, 2);
  return Buffer.concat([head, content]);
}

interface Scan {
  readonly parts: readonly { component: JpegComponent; selectors: number }[];
  /** First and last coefficient, and the bits of precision before and after. */
  readonly end: Uint8Array;
}

function readScan(content: Uint8Array, frame: JpegFrame): Scan {
  const count = content[0] ?? 0;
  if (content.length !== 4 + 2 * count) throw new Error('damaged: the header of a scan');
  const parts = Array.from({ length: count }, (_, i) => {
    const [id = 0, selectors = 0] = content.subarray(1 + 2 * i);
    const component = frame.components.find((candidate) => candidate.id === id);
    if (!component) throw new Error('damaged: a scan of a component that the header lacks');
    return { component, selectors };
  });
  return { parts, end: content.subarray(1 + 2 * count) };
}

interface Interleaved {
  frame: JpegFrame;
  scan: Scan;
  /** Of the components whose blocks are kept. */
  ids: ReadonlySet<number>;
  tables: ReadonlyMap<number, HuffmanCodes>;
  restartInterval: number;
}

/** The data of an interleaved scan with only the blocks of some components, each as it is. */
function sortBlocks(
  data: Uint8Array,
  { frame, scan, ids, tables, restartInterval }: Interleaved,
): Buffer {
  const [across, down] = largestSampling(frame.components);
  const units = Math.ceil(frame.width / (8 * across)) * Math.ceil(frame.height / (8 * down));
  const intervals = betweenRestarts(data);
  const perInterval = restartInterval || units;
  if (intervals.length < Math.ceil(units / perInterval)) {
    throw new Error('damaged: the data of a scan end too early');
  }
  const skipBlock = blockSkipper(scan, frame);
  const blocks = scan.parts.flatMap(({ component, selectors }) => {
    const [dc, ac] = [selectors >> 4, 0x10 | (selectors & 15)].map((name) => {
      const codes = tables.get(name);
      return codes && huffmanTable(codes);
    });
    const block = { isKept: ids.has(component.id), dc, ac };
    return Array.from({ length: component.across * component.down }, () => block);
  });
  const writer = new BitWriter(data.length);
  for (let start = 0, index = 0; start < units; start += perInterval, index++) {
    const reader = new BitReader(intervals[index] as Uint8Array);
    if (index > 0) writer.restart(index - 1);
    for (let unit = Math.min(perInterval, units - start); unit > 0; unit--) {
      for (const { isKept, dc, ac } of blocks) {
        const from = reader.position;
        skipBlock(reader, dc, ac);
        if (isKept) writer.copy(reader, from);
      }
    }
    writer.align();
  }
  return Buffer.from(writer.written());
}

type SkipBlock = (reader: BitReader, dc?: HuffmanTable, ac?: HuffmanTable) => void;

/** What goes over the data of one block. */
function blockSkipper({ end }: Scan, frame: JpegFrame): SkipBlock {
  const refines = (end[2] ?? 0) >> 4 > 0;
  const isProgressive = frame.marker === 0xc2;
  if (isProgressive && refines) return (reader) => reader.skip(1);
  return (reader, dc, ac) => {
    if (!dc || (!ac && !isProgressive)) throw new Error('damaged: a scan lacks its Huffman tables');
    reader.skip(reader.symbol(dc));
    for (let k = 1; ac && !isProgressive && k < 64; k++) {
      const symbol = reader.symbol(ac);
      const size = symbol & 15;
      if (size === 0 && symbol !== 0xf0) break;
      reader.skip(size);
      k += symbol >> 4;
    }
  };
}

function betweenRestarts(data: Uint8Array): Uint8Array[] {
  const intervals: Uint8Array[] = [];
  let start = 0;
  for (let at = data.indexOf(0xff); at >= 0; at = data.indexOf(0xff, at + 1)) {
    const next = data[at + 1] ?? 0;
    if (next < 0xd0 || next > 0xd7) continue;
    intervals.push(data.subarray(start, at));
    start = at + 2;
  }
  return [...intervals, data.subarray(start)];
}
