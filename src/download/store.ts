/** What a download needs of the place it is kept in: a folder in Node, a database in browsers. */

/** Where the bytes of an unfinished file come from, so that it can be continued. */
export interface PartState {
  url: string;
  /** Strong ETag, else Last-Modified date; undefined when the server gave neither. */
  validator?: string;
  /** Length of the whole file in bytes, when the server announced it. */
  total?: number;
}

/** An unfinished file. Bytes are only ever added at its end. */
export interface PartFile {
  /** Bytes held. */
  readonly received: number;
  /** Undefined for an empty part. */
  readonly state: PartState | undefined;
  /** Drops all bytes and begins again from another state. */
  restart(state: PartState): Promise<void>;
  append(chunk: Uint8Array): Promise<void>;
  /** All bytes held, from the first. */
  read(): AsyncIterable<Uint8Array>;
  /** Makes the part the whole file, in one step. The part must not be used afterwards. */
  commit(): Promise<void>;
  /** Forgets the part and its bytes. */
  discard(): Promise<void>;
  /** Keeps the bytes for a later attempt. */
  close(): Promise<void>;
}

/** A running SHA-256. */
export interface Sha256 {
  update(chunk: Uint8Array): void;
  /** Lower-case hex. */
  digest(): string;
}

/** A place for downloaded files. `Whole` is how it hands them out. */
export interface WeightStore<Whole> {
  /** Tells stores apart: two stores with the same id hold the same files. */
  readonly id: string;
  /**
   * Whether requests carry `If-Range`. Not from web pages: the header is not on the CORS safelist,
   * so every request would first need the server's permission.
   */
  readonly sendsIfRange: boolean;
  /** The whole file, if it is there. Only verified files ever are. */
  find(fileName: string): Promise<Whole | undefined>;
  remove(fileName: string): Promise<void>;
  openPart(fileName: string): Promise<PartFile>;
  /**
   * Runs `body` while no other process or page works on the file. The signal given to `body` is
   * aborted with `signal`, and when the lock is lost.
   */
  withLock<T>(
    fileName: string,
    signal: AbortSignal,
    body: (signal: AbortSignal) => Promise<T>,
  ): Promise<T>;
  createSha256(): Promise<Sha256>;
}
