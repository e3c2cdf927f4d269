import { describe, expect, test } from 'vitest';
import {
  adminOf,
  exporterRole,
  ownPostgres,
  ownRedis,
  teamDatabase,
} from '../../configs/databases/address.ts';
import { postgresEnvironment, postgresFlags } from '../../configs/databases/postgres.ts';
import { redisConf, redisHealthcheck } from '../../configs/databases/redis.ts';
import {
  jsonText,
  passwordLine,
  redisUserByHand,
  redisUserCommand,
  roleSql,
  sha256,
} from '../../configs/databases/roles.ts';
import { externalDatabase, postgresSettings } from '../../configs/databases/settings.ts';
import { contractOf } from '../rig/images/contracts.ts';

const mebibyte = 2 ** 20;

describe('Postgres', () => {
  test('is tuned by its limit', async () => {
    const text = [64, 512, 8192].map(
      (mib) => `${String(mib)} MiB\n${postgresFlags(mib * mebibyte).join(' ')}\n`,
    );
    await expect(text.join('\n')).toMatchFileSnapshot('golden/databases/postgres-flags.txt');
  });

  test("3.17: the image's own start, which exports what it reads, reads no secret", () => {
    const environment = postgresEnvironment('bot', 'bot');
    expect(environment).toHaveProperty('POSTGRES_PASSWORD_FILE', '/proc/sys/kernel/random/uuid');
    expect(environment).not.toHaveProperty('POSTGRES_PASSWORD');
  });

  test('S10: the SQL for a person names no password, and quotes names', async () => {
    await expect(roleSql({ user: 'metrics', database: 'my "shop"' })).toMatchFileSnapshot(
      'golden/databases/role-by-hand.sql',
    );
  });

  test.each([
    ['plain', '*:*:*:*:plain\n'],
    ['a:b\\c', '*:*:*:*:a\\:b\\\\c\n'],
  ])('a password file escapes what splits it: %s', (password, line) => {
    expect(passwordLine(password)).toBe(line);
  });
});

describe('Redis', () => {
  test('is configured by one secret file, below the limit of its container', async () => {
    const file = redisConf(128 * mebibyte, true);
    await expect(file.template).toMatchFileSnapshot('golden/databases/redis.conf');
    expect(file.template.match(/\{\{\w+\}\}/g)).toEqual(['{{passwordHash}}', '{{exporterPasswordHash}}']);
  });

  test('its healthcheck shows no secret and uses what the image has', () => {
    expect(contractOf('redis').provides(redisHealthcheck[0] ?? '')).toBe(true);
    expect(redisHealthcheck).not.toContain('default');
  });

  test('keeps the hash of a password', () => {
    expect(sha256('secret')).toBe('2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b');
  });

  test('S10: the ACL user for a person names no password; what the job types holds its hash', async () => {
    const byHand = redisUserByHand('metrics');
    await expect(byHand).toMatchFileSnapshot('golden/databases/user-by-hand.txt');
    const made = redisUserCommand('metrics', 'secret', 'taffrail-prod').join(' ');
    expect(`${made}\n`).toBe(
      byHand.replace('>PASSWORD', `#${sha256('secret')}`).replace(/\n$/, ' &made-by-taffrail-prod\n'),
    );
    expect(redisConf(128 * mebibyte, true).template).toContain(byHand.split('>PASSWORD ')[1]);
  });

  test('a password inside JSON', () => {
    expect(JSON.parse(`{"a": ${jsonText('a"b\\c\n')}}`)).toEqual({ a: 'a"b\\c\n' });
  });
});

describe('addresses', () => {
  test('what Taffrail runs', () => {
    expect(ownPostgres(postgresSettings.parse({ database: 'bot' }))).toMatchObject({
      own: true,
      database: 'bot',
    });
    expect(ownRedis).toMatchObject({ own: true, user: exporterRole });
  });

  test.each([
    ['postgres', 5432, 'postgres'],
    ['redis', 6379, 'default'],
  ] as const)("S10: the defaults of the team's own %s", (kind, port, admin) => {
    expect(adminOf({ kind })).toBe(admin);
    expect(adminOf({ kind, adminUser: 'boss' })).toBe('boss');
    expect(teamDatabase('shop', externalDatabase.parse({ kind, host: 'db' }))).toEqual({
      name: 'shop',
      own: false,
      host: 'db',
      port,
      database: 'postgres',
      user: exporterRole,
      network: undefined,
      tls: false,
    });
  });
});
