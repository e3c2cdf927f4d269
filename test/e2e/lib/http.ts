import { setTimeout as sleep } from 'node:timers/promises';

/** Asks until `enough` says so; the last answer in any case. */
export async function until<T>(
  ask: () => Promise<T>,
  enough: (answer: T) => boolean,
  { seconds = 60, every = 500 } = {},
): Promise<T> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await ask();
    if (enough(answer) || Date.now() > end) return answer;
    await sleep(every);
  }
}

export const basic = (user: string, password: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});

export interface JsonAnswer<T> {
  status: number;
  headers: Headers;
  body: T;
}

/** GET, or POST where a body is given; JSON in and out. */
export async function json<T>(
  url: string,
  options: { headers?: Record<string, string>; body?: unknown } = {},
): Promise<JsonAnswer<T>> {
  const response = await fetch(url, {
    method: options.body === undefined ? 'GET' : 'POST',
    headers: {
      ...(options.body !== undefined && { 'content-type': 'application/json' }),
      ...options.headers,
    },
    ...(options.body !== undefined && { body: JSON.stringify(options.body) }),
    redirect: 'manual',
    signal: AbortSignal.timeout(20_000),
  });
  const text = await response.text();
  let body: unknown = text;
  try {
    body = JSON.parse(text);
  } catch {
    // Some errors are plain text.
  }
  return { status: response.status, headers: response.headers, body: body as T };
}
