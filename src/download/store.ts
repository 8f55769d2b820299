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
  commit(note: FileNote): Promise<void>;
  /** Forgets the part and its bytes. */
  discard(): Promise<void>;
  /** Keeps the bytes for a later attempt. */
  close(): Promise<void>;
}

/** What is remembered of a whole file, so that it need not be verified each time it is used. */
export interface FileNote {
  /** Tells the address that it came from (`sourceId`), without its secrets. */
  source: string;
  /** Length in bytes. */
  bytes: number;
  /** SHA-256 in lower-case hex, where it was computed. */
  sha256?: string;
}

/** A whole file of the store, which may be another than the one that is wanted. */
export interface StoredFile<Whole> {
  readonly whole: Whole;
  /** Length in bytes, as it is now. */
  readonly bytes: number;
  /** Undefined where nothing was noted: files of 0.1.0. */
  readonly note: FileNote | undefined;
  /** Whether the file is as it was when the note was made. */
  readonly untouched: boolean;
  /** Equal for equal files; tells whether a file has been looked at before. */
  readonly version: string;
  read(): AsyncIterable<Uint8Array>;
  /** Keeps a note of a file that proved right. One that cannot be kept only costs time later. */
  remember(note: FileNote): Promise<void>;
}

/** A running SHA-256. */
export interface Sha256 {
  update(chunk: Uint8Array): void;
  /** Lower-case hex. */
  digest(): string;
}

/** What the holder of a file's lock may do. */
export interface Session {
  /** Aborted with the signal that was given, and when the lock is lost. */
  readonly signal: AbortSignal;
  openPart(): Promise<PartFile>;
  /** Removes the file, whole and unfinished. */
  remove(): Promise<void>;
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
  /** Whether a SHA-256 costs little, so that one is noted for every file. */
  readonly hashesFast: boolean;
  /** The whole file, if there is one. */
  find(fileName: string): Promise<StoredFile<Whole> | undefined>;
  /** Runs `body` while no other process or page works on the file. */
  withLock<T>(
    fileName: string,
    signal: AbortSignal,
    body: (session: Session) => Promise<T>,
  ): Promise<T>;
  createSha256(): Promise<Sha256>;
}
