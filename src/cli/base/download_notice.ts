/** What a download does while nothing is to be seen of it. */
import { bytesText } from '../../common/bytes';
import { messageOf } from '../../common/messages';
import { harmlessMessage, isUrlText } from '../../common/url';
import {
  DOWNLOAD_DEFAULTS,
  type Downloadable,
  type DownloadProgress,
} from '../../download/fetch_pretrained';
import type { Terminal } from './terminal';
import { linesOf } from './text';

/** How long nobody wonders, in ms. */
const WAIT_MS = 2000;

/** What is downloaded. */
type Wanted = Pick<Downloadable, 'fileName'> & { approximateBytes?: number };

/**
 * Tells of a download that takes longer than a moment what it is, from where, and when it will be tried again;
 * and of every address once that it cannot be reached.
 */
export class DownloadNotice {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly told = new Set<string>();

  /**
   * @param hasBar whether progress is drawn once there is some
   * @param waitMs how long to wait with a word
   */
  constructor(
    private readonly terminal: Terminal,
    private readonly wanted: Wanted,
    private readonly hasBar: boolean,
    private readonly waitMs = WAIT_MS,
  ) {}

  /** Option of `fetchPretrained`. */
  readonly fetch: typeof fetch = async (input, init) => {
    const url = input instanceof Request ? input.url : String(input);
    const { host } = new URL(url);
    const { retries, stallTimeoutMs } = DOWNLOAD_DEFAULTS;
    const { fileName, approximateBytes } = this.wanted;
    const size = approximateBytes === undefined ? '' : `, ${bytesText(approximateBytes)}`;
    this.timer ??= setTimeout(() => {
      this.tell(
        `downloading ${fileName}${size}, from ${host}; where nothing arrives for ${stallTimeoutMs / 1000} s ` +
          `it is tried again, ${retries} times at most`,
      );
    }, this.waitMs);
    try {
      return await globalThis.fetch(input, init);
    } catch (error) {
      // Else it would be told that a download goes on which has just failed.
      clearTimeout(this.timer);
      this.timer = undefined;
      const isStalled = messageOf(error).startsWith('no data for');
      if (isStalled || !init?.signal?.aborted) {
        this.tell(
          `${host} does not give ${fileName}${size}: ${harmlessMessage(error, url)}; it is tried again, ` +
            `${retries} times at most`,
        );
      }
      throw error;
    }
  };

  /** Option of `fetchPretrained`. */
  readonly onProgress = ({ loaded, total }: DownloadProgress): void => {
    if (this.hasBar || loaded === total) this.end();
  };

  /** To be called when the download is over, however it ended. */
  end(): void {
    clearTimeout(this.timer);
  }

  private tell(message: string): void {
    if (this.told.has(message)) return;
    this.told.add(message);
    this.terminal.error(linesOf(message));
  }
}

/**
 * Opens what may be at an address, telling what goes on where it takes longer than a moment or fails.
 *
 * @param open gets the option `fetch` of `openCheckpoint`
 */
export async function withNotice<T>(
  source: string,
  terminal: Terminal,
  open: (options: { fetch?: typeof fetch }) => Promise<T>,
): Promise<T> {
  if (!isUrlText(source)) return open({});
  const fileName =
    source
      .replace(/[?#].*$/s, '')
      .split('/')
      .at(-1) || source;
  const notice = new DownloadNotice(terminal, { fileName }, false);
  try {
    return await open({ fetch: notice.fetch });
  } finally {
    notice.end();
  }
}
