import { Duplex } from 'node:stream';

/**
 * A pair of byte streams as one connection that `node:http` takes: a process's standard streams, or those of a container.
 * What a network socket has beyond a stream (timeouts, delays) means nothing here.
 */
export class Pipe extends Duplex {
  readonly #write: (chunk: Buffer, done: (error?: Error | null) => void) => void;
  readonly #end: () => void;
  readonly #close: () => void;

  constructor({
    write,
    end,
    close,
  }: {
    write: (chunk: Buffer, done: (error?: Error | null) => void) => void;
    /** Nothing more will be written. */
    end: () => void;
    /** Nobody reads or writes any more. */
    close: () => void;
  }) {
    // Once the other side has ended, `node:http` must not use it for another request.
    super({ allowHalfOpen: false });
    this.#write = write;
    this.#end = end;
    this.#close = close;
  }

  override _read(): void {
    // Whoever feeds it pushes.
  }
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#write(chunk, done);
  }
  override _final(done: () => void): void {
    this.#end();
    done();
  }
  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#close();
    done(error);
  }

  // As `node:http` calls them on a socket.
  setTimeout(): this {
    return this;
  }
  setNoDelay(): this {
    return this;
  }
  setKeepAlive(): this {
    return this;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
}
