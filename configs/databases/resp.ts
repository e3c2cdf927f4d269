// Redis' protocol (RESP2) over any stream. The well-kept client libraries open sockets of their own, reconnect, pipeline
// and send commands that nobody asked for; here one connection carries a few commands, one at a time, over a byte pipe.
import type { Duplex } from 'node:stream';
import { Unanswered } from '../running.ts';

/** An error that Redis answers is an answer too. */
export class RespError {
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}

export type Reply = string | number | null | RespError | readonly Reply[];

/** INFO takes some kilobytes, thousands of ACL rules some hundred. */
const maxReply = 4 * 2 ** 20;
const maxDepth = 8;
const [cr, lf] = [13, 10];

/** A command as Redis reads it; any bytes may be in a word. */
export function encode(words: readonly string[]): Buffer {
  const bulk = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return Buffer.from(`*${words.length}\r\n${bulk.join('')}`);
}

/** Reads one reply after the other, however the bytes are split. */
export class RespReader {
  readonly #chunks: AsyncIterator<unknown, unknown>;
  #held: Buffer = Buffer.alloc(0);
  #used = 0;

  constructor(chunks: AsyncIterable<unknown>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  async next(): Promise<Reply> {
    this.#used = 0;
    return await this.#reply(0);
  }

  async #reply(depth: number): Promise<Reply> {
    if (depth > maxDepth) throw new Unanswered('the answer is nested too deeply');
    const line = await this.#line();
    const [type, rest] = [line.slice(0, 1), line.slice(1)];
    if (type === '+') return rest;
    if (type === '-') return new RespError(rest);
    if (!':$*'.includes(type) || !/^-?\d{1,19}$/.test(rest))
      throw new Unanswered(`the answer is not Redis' protocol: ${JSON.stringify(line.slice(0, 60))}`);
    const number = Number(rest);
    if (type === ':') return number;
    if (number < 0) return null;
    if (type === '$') return await this.#bulk(number);
    const items: Reply[] = [];
    while (items.length < number) items.push(await this.#reply(depth + 1));
    return items;
  }

  async #line(): Promise<string> {
    let from = 0;
    for (;;) {
      const end = this.#held.indexOf('\r\n', from);
      if (end >= 0) return this.#take(end, 2).toString();
      from = Math.max(0, this.#held.length - 1);
      await this.#more();
    }
  }

  async #bulk(length: number): Promise<string> {
    if (length > maxReply) throw new Unanswered(tooLong);
    while (this.#held.length < length + 2) await this.#more();
    if (this.#held[length] !== cr || this.#held[length + 1] !== lf)
      throw new Unanswered('the answer is longer than it says');
    return this.#take(length, 2).toString();
  }

  #take(length: number, ending: number): Buffer {
    const taken = this.#held.subarray(0, length);
    this.#held = this.#held.subarray(length + ending);
    this.#used += length + ending;
    if (this.#used > maxReply) throw new Unanswered(tooLong);
    return taken;
  }

  async #more(): Promise<void> {
    if (this.#used + this.#held.length > maxReply) throw new Unanswered(tooLong);
    const { done, value } = await this.#chunks.next();
    if (done === true) throw new Unanswered(closed);
    this.#held = Buffer.concat([this.#held, value as Buffer]);
  }
}

const tooLong = `the answer is longer than ${maxReply} bytes`;

/** A connection that carries one command at a time. */
export class RespConnection {
  readonly #stream: Duplex;
  readonly #reader: RespReader;
  readonly #timeout: number;

  /** @param timeout of each command, in milliseconds */
  constructor(stream: Duplex, timeout = 10_000) {
    this.#stream = stream;
    this.#timeout = timeout;
    // Reported by the command that waits for an answer.
    stream.on('error', () => undefined);
    this.#reader = new RespReader(stream);
  }

  /** @throws Unanswered if no complete answer comes, or none in this protocol; the connection is closed then */
  async ask(words: readonly string[]): Promise<Reply> {
    const timer = setTimeout(() => {
      this.#stream.destroy(new Unanswered(`no answer within ${this.#timeout / 1000} seconds`));
    }, this.#timeout);
    try {
      this.#stream.write(encode(words));
      return await this.#reader.next();
    } catch (error) {
      this.close();
      throw unanswered(error);
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    this.#stream.destroy();
  }
}

const closed = 'the connection was closed without an answer';

/** Whatever ended the stream, as the failure that callers know. */
function unanswered(error: unknown): Unanswered {
  if (error instanceof Unanswered) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  // The second one is TLS over a stream that is gone.
  return new Unanswered(code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'ECANCELED' ? closed : message);
}
