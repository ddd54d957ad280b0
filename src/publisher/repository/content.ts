/** The bytes of a file that is to be written: in memory, or in a scratch file where they are many. */
export type Content = Uint8Array | Spooled;

export interface Spooled {
  /** In bytes. */
  readonly length: number;
  /** From the start, each time. */
  chunks(): Iterable<Uint8Array>;
}

export const chunksOf = (content: Content): Iterable<Uint8Array> =>
  content instanceof Uint8Array ? [content] : content.chunks();

/** All of it in memory. */
export const wholeOf = (content: Content): Uint8Array =>
  content instanceof Uint8Array ? content : Buffer.concat([...content.chunks()], content.length);
