import { duplexPair, Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { encode, type Reply, RespConnection, RespError, RespReader } from '../../configs/databases/resp.ts';
import { Unanswered } from '../../configs/running.ts';

const read = (chunks: (string | Buffer)[]): Promise<Reply> =>
  new RespReader(Readable.from(chunks.map((chunk) => Buffer.from(chunk)))).next();

describe('a command', () => {
  test('is sent as bytes, whatever is in its words', () => {
    expect(encode(['AUTH', 'a "b\\\r\n é', '']).toString()).toBe(
      '*3\r\n$4\r\nAUTH\r\n$10\r\na "b\\\r\n é\r\n$0\r\n\r\n',
    );
  });
});

describe('a reply', () => {
  const replies: [name: string, bytes: string, reply: Reply][] = [
    ['a simple string', '+OK\r\n', 'OK'],
    ['an integer', ':-42\r\n', -42],
    ['a bulk string', '$6\r\na\r\nb\u00e9\r\n', 'a\r\nbé'],
    ['an empty bulk string', '$0\r\n\r\n', ''],
    ['a null', '$-1\r\n', null],
    ['a null array', '*-1\r\n', null],
    ['an empty array', '*0\r\n', []],
    ['an error', '-NOPERM no\r\n', new RespError('NOPERM no')],
    [
      'nested arrays with an error in them',
      '*4\r\n$1\r\na\r\n*2\r\n:1\r\n*1\r\n+x\r\n-ERR e\r\n$-1\r\n',
      ['a', [1, ['x']], new RespError('ERR e'), null],
    ],
  ];

  test.each(replies)('%s, in one chunk and byte by byte', async (_, bytes, reply) => {
    expect(await read([bytes])).toEqual(reply);
    const single = [...Buffer.from(bytes)].map((byte) => Buffer.from([byte]));
    expect(await read(single)).toEqual(reply);
  });

  test('is followed by the next one, also in the same chunk', async () => {
    const reader = new RespReader(Readable.from([Buffer.from('+a\r\n$1\r\nb'), Buffer.from('\r\n:3\r\n')]));
    expect([await reader.next(), await reader.next(), await reader.next()]).toEqual(['a', 'b', 3]);
  });

  test('may be a long bulk string', async () => {
    const text = 'x'.repeat(3_000_000);
    const bytes = Buffer.from(`$${text.length}\r\n${text}\r\n`);
    const chunks: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += 65_536) chunks.push(bytes.subarray(at, at + 65_536));
    expect(await read(chunks)).toBe(text);
  });

  test.each([
    ['HTTP/1.1 400 Bad Request\r\n', /not Redis' protocol: "HTTP/],
    ['$x\r\n', /not Redis' protocol/],
    ['$99999999999999999999\r\n', /not Redis' protocol/],
    ['\r\n', /not Redis' protocol/],
    ['$1\r\nab\r\n', /longer than it says/],
    ['$99999999\r\n', /longer than 4194304 bytes/],
    ['x'.repeat(5_000_000), /longer than 4194304 bytes/],
    [`*9999999\r\n${':1\r\n'.repeat(1_200_000)}`, /longer than 4194304 bytes/],
    [`${'*1\r\n'.repeat(1000)}:1\r\n`, /nested too deeply/],
    ['', /closed without an answer/],
    ['$10\r\nabc', /closed without an answer/],
    ['+OK', /closed without an answer/],
  ])('that is not one is refused', async (bytes, message) => {
    const error = await read([bytes]).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Unanswered);
    expect((error as Error).message).toMatch(message);
  });
});

describe('a connection', () => {
  test('carries one command after the other', async () => {
    const [near, far] = duplexPair();
    const connection = new RespConnection(near);
    const asked = new RespReader(far);
    const first = connection.ask(['PING']);
    expect(await asked.next()).toEqual(['PING']);
    far.write('+PO');
    far.write('NG\r\n');
    expect(await first).toBe('PONG');
    const second = connection.ask(['GET', 'a']);
    expect(await asked.next()).toEqual(['GET', 'a']);
    far.write('-ERR no\r\n');
    expect(await second).toEqual(new RespError('ERR no'));
    connection.close();
    await expect(connection.ask(['PING'])).rejects.toThrow(Unanswered);
  });

  test('does not wait for ever', async () => {
    const [near] = duplexPair();
    await expect(new RespConnection(near, 20).ask(['PING'])).rejects.toThrow(
      new Unanswered('no answer within 0.02 seconds'),
    );
    expect(near.destroyed).toBe(true);
  });

  test.each([
    ['ends', (far: ReturnType<typeof duplexPair>[1]) => far.end(), /closed without an answer/],
    ['breaks', undefined, /reset/],
  ])('that %s is no answer', async (_, end, message) => {
    const [near, far] = duplexPair();
    const answer = new RespConnection(near).ask(['PING']);
    if (end) end(far);
    else near.destroy(new Error('read ECONNRESET, or: connection reset'));
    const error = await answer.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Unanswered);
    expect((error as Error).message).toMatch(message);
  });
});
