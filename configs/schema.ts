import { z } from 'zod';

// The words of the settings: units written out, and what every program shares. A program's own settings are in
// its folder; configs/settings.ts composes them.

const secondsIn = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };
const bytesIn = { MB: 1e6, GB: 1e9, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

/** What a person is told about one setting: a text for the documentation, and a value that is right. */
export interface About extends Record<string, unknown> {
  description: string;
  example?: string;
  /** What is wanted, in words, when a value is wrong. */
  wanted?: string;
  /** It may hold a secret, by right or by mistake: no message shows it. */
  hidden?: true;
  /** It is the name of a secret. */
  secretName?: true;
  /** What was most likely meant by a wrong value; undefined when nothing is likely. */
  meant?: (given: unknown) => string | undefined;
}

/** A length of time in whole seconds, written `15s`, `5m`, `48h`, `30d` or `2w`. */
export const duration = (about: string, example = '30d') =>
  unit(secondsIn, { description: about, example, wanted: 'a time like 15s, 5m, 48h or 30d' });

/** A size in bytes, written `512MiB`, `10GiB`, `1GB`; where programs count in MiB, less than `least` would be none. */
export const size = (about: string, example = '512MiB', least?: string) =>
  unit(
    bytesIn,
    {
      description: about,
      example,
      wanted: `a size like 256MiB, 10GiB or 1GB${least === undefined ? '' : `, at least ${least}`}`,
    },
    least,
  );

/** A memory limit. The least is Docker's own: 6 MiB. */
export const memoryLimit = (example: string) => size('Its memory limit.', example, '6MiB').prefault(example);

function unit(units: Record<string, number>, about: About, least?: string) {
  const pattern = new RegExp(`^[1-9][0-9]{0,8}(${Object.keys(units).join('|')})$`);
  const valueOf = (text: string) => {
    const [, number = '', name = ''] = /^(\d+)(.*)$/.exec(text) ?? [];
    return Number(number) * (units[name] ?? 0);
  };
  const isEnough = (value: number) => least === undefined || value >= valueOf(least);
  const meant = (given: unknown) => {
    const [, number = '', word = ''] = /^([1-9]\d{0,8})\s*([a-z]+)$/i.exec(String(given)) ?? [];
    const name = Object.keys(units).find((unit) => unit.toLowerCase().startsWith(unitOf(word.toLowerCase())));
    if (number === '' || name === undefined) return undefined;
    return isEnough(valueOf(`${number}${name}`)) ? `${number}${name}` : least;
  };
  return z
    .string()
    .regex(pattern)
    .transform(valueOf)
    .refine(isEnough)
    .meta({ ...about, meant });
}

/** `days` -> `d`, `minutes` -> `m`, `mb` and `m` (of a size) stay. */
const unitOf = (word: string): string =>
  /^(s)ec|^(m)in|^(h)(?:ou)?r|^(d)ay|^(w)eek/.exec(word)?.find((part, at) => at > 0 && part) ?? word;

export const text = (about: string, example: string) =>
  z.string().min(1).meta({ description: about, example, wanted: 'a text that is not empty' });

export const flag = (about: string, example: 'true' | 'false' = 'true') =>
  z.boolean().meta({ description: about, example, wanted: 'true or false', meant: truth });

const truth = (given: unknown): string | undefined => {
  const word = String(given).toLowerCase();
  if (['true', 'yes', 'on', '1', 'y'].includes(word)) return 'true';
  return ['false', 'no', 'off', '0', 'n'].includes(word) ? 'false' : undefined;
};

const portPattern = /^[1-9]\d{0,4}$/;

export const port = (about: string, example = '8080') =>
  z
    .int()
    .min(1)
    .max(65_535)
    .meta({
      description: about,
      example,
      wanted: 'a port number from 1 to 65535, not in quotes',
      meant: (given: unknown) =>
        portPattern.test(String(given)) && Number(given) <= 65_535 ? String(given) : undefined,
    });

/** A day, `2026-12-01`. Pulumi hands over a day that is not in quotes as a point in time. */
export const day = (about: string, example: string) =>
  z
    .string()
    .transform((text) => text.replace(' 00:00:00 +0000 UTC', ''))
    .pipe(z.iso.date())
    .meta({ description: about, example, wanted: 'a day like 2026-12-01' });

/** A name of ours: a container's, an alias, a connection's. Docker and DNS accept it. */
export const name = (about: string, example = 'bot') =>
  z
    .string()
    .regex(/^[a-z][a-z0-9_-]{0,40}$/)
    .meta({
      description: about,
      example,
      wanted: 'a name of small letters, digits, - and _ that starts with a letter',
    });

/** Several things, none of them empty; absent means none. */
export const list = <T extends z.ZodType>(element: T, about: string, example?: string, wanted?: string) =>
  z
    .array(element)
    .default([])
    .meta({
      description: about,
      ...(example !== undefined && { example }),
      ...(wanted !== undefined && { wanted }),
    });

/** A path that starts with /. */
export const absolutePath = (about: string, example: string) =>
  z.string().regex(/^\//).meta({ description: about, example, wanted: 'a path that starts with /' });

/** The name of a flat configuration key that holds the secret itself. */
export const secretName = (about: string, example: string) =>
  z
    .string()
    .regex(/^[a-zA-Z][a-zA-Z0-9]*$/)
    .meta(secretAbout(about, example));

/**
 * As `secretName`, or the path of a password that Taffrail keeps (`postgres.password`), given or generated:
 * so that one password has several consumers (A2).
 */
export const sharedSecret = (about: string, example: string) =>
  z
    .string()
    .regex(/^([a-zA-Z][a-zA-Z0-9]*|postgres\.password|redis\.password)$/)
    .meta(secretAbout(about, example));

const secretAbout = (about: string, example: string): About => ({
  description: `${about} The name of a secret, set by \`pulumi config set --secret ${example}\`.`,
  example,
  wanted:
    'the name of a secret, in letters and digits; the secret itself is set by pulumi config set --secret <name>',
  hidden: true,
  secretName: true,
});

/** An IP address to publish on. */
export const address = (about: string) =>
  z
    .union([z.ipv4(), z.ipv6()])
    .meta({ description: about, example: '127.0.0.1', wanted: 'an IP address like 127.0.0.1' });

export const url = (about: string, example: string) =>
  z.url({ protocol: /^https?$/ }).meta({
    description: about,
    example,
    wanted: 'an address that starts with http:// or https://',
    meant: (given: unknown) =>
      /^[\w-]+(\.[\w-]+)+(:\d+)?(\/\S*)?$/.test(String(given)) ? `https://${String(given)}` : undefined,
  });

/** What every container has: a switch, an image, a memory limit. */
export const service = (memory: string, enabled = true) => ({
  enabled: flag('Whether it runs. What depends on it follows.', enabled ? 'false' : 'true').default(enabled),
  image: text(
    'An image to run instead of the pinned one.',
    'registry.example.com/team/image:1.2.3',
  ).optional(),
  memory: memoryLimit(memory),
});

/** What a program has that answers people: where it is published. */
export const published = (defaultPort: number) => ({
  address: address('The address of the host on which it is published.').default('127.0.0.1'),
  port: port('The port of the host on which it is published.', String(defaultPort)).default(defaultPort),
  exposeWithoutTls: flag(
    'Allow a public address in plain HTTP. Passwords then cross the network in clear text.',
  ).default(false),
});

/** What a program has that answers machines: it is published only when asked for, and never to everybody (S9). */
export const publishable = (defaultPort: number) =>
  z
    .strictObject({
      address: address('A loopback or VPN address of the host.').default('127.0.0.1'),
      port: port('The port of the host.', String(defaultPort)).default(defaultPort),
    })
    .optional()
    .meta({ description: 'Publish it on a loopback or VPN address. Not published by default.' });

export interface Published {
  address: string;
  port: number;
  exposeWithoutTls: boolean;
}
