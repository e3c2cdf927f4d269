import type { Parsed } from '../settings.ts';
import { reservedAdminNames } from '../cloudbeaver/render.ts';
import { adminOf, everybody } from '../databases/address.ts';
import type { Files } from '../files.ts';
import { homeMistakes, oauthMistakes, userMistakes } from '../grafana/mistakes.ts';
import type { Mistake } from '../mistakes.ts';
import { both, nameAndSet, remove, rename, set, written } from '../whatToType.ts';

/** Promtail that was asked for, not only the default: without Loki that one is simply off (S1). */
export function collectionMistakes({ loki }: Parsed, { given }: { given: unknown }): Mistake[] {
  const asked = (given as { promtail?: { enabled?: unknown } }).promtail?.enabled === true;
  if (!asked || loki.enabled) return [];
  return [
    {
      path: 'promtail.enabled',
      given: 'true, and loki.enabled false',
      wanted: 'Loki, to which Promtail sends',
      type: set(['loki', 'enabled'], 'true'),
    },
  ];
}

export function cloudbeaverMistakes({ cloudbeaver: { enabled, adminName } }: Parsed): Mistake[] {
  if (!enabled || !reservedAdminNames.includes(adminName)) return [];
  return [
    {
      path: 'cloudbeaver.adminName',
      given: adminName,
      wanted: 'another name: CloudBeaver has a team of that name',
      type: set(['cloudbeaver', 'adminName'], 'cbadmin'),
    },
  ];
}

/** Loki reads its periods in order, each until the next begins. */
export function periodMistakes(
  { loki: { earlierSchemas, schemaFrom } }: Parsed,
  { today }: { today: string },
): Mistake[] {
  const path = ['loki', 'earlierSchemas'];
  const sorted = earlierSchemas.toSorted((a, b) => a.from.localeCompare(b.from));
  const last = sorted.at(-1);
  const same = sorted.find(({ from }, at) => sorted[at + 1]?.from === from);
  if (same !== undefined) {
    const at = earlierSchemas.findLastIndex(({ from }) => from === same.from);
    const type = set([...path, at, 'from'], dayAfter(same.from));
    return [{ path: written([...path, at, 'from']), given: same.from, wanted: 'a day of its own', type }];
  }
  if (sorted.some((period, at) => period !== earlierSchemas[at])) {
    const lines = sorted.flatMap(({ from, store, schema, prefix }, at) =>
      Object.entries({ from, store, schema, prefix }).map(([key, value]) => set([...path, at, key], value)),
    );
    return [
      {
        path: written(path),
        given: 'periods in another order',
        wanted: 'the oldest first',
        type: both(...lines),
      },
    ];
  }
  if (last === undefined || last.from < schemaFrom) {
    const first = sorted[0] === undefined ? ['loki', 'schemaFrom'] : [...path, 0, 'from'];
    const from = sorted[0]?.from ?? schemaFrom;
    if (from <= today) return [];
    // Loki starts, and then refuses every line.
    const wanted = `a day that has come (today is ${today}): Loki takes no line of a day before its first period`;
    return [{ path: written(first), given: from, wanted, type: set(first, today) }];
  }
  return [
    {
      path: 'loki.schemaFrom',
      given: schemaFrom,
      wanted: `a day after ${last.from}, when the last earlier period begins`,
      type: set(['loki', 'schemaFrom'], dayAfter(last.from)),
    },
  ];
}

const dayAfter = (day: string): string => new Date(Date.parse(day) + 86_400_000).toISOString().slice(0, 10);

/** Labels that Taffrail sets itself (S5); `service` may come from the line. */
const ownLabels = ['container', 'project', 'job', 'host'];

export function collectorMistakes({ collector }: Parsed): Mistake[] {
  return collector.labels.flatMap((label, index) => {
    const path = ['collector', 'labels', index];
    const wanted = ownLabels.includes(label)
      ? 'another field: Taffrail sets this label itself'
      : label.startsWith('__')
        ? 'a field that does not begin with __: such labels are dropped'
        : collector.metadata.includes(label)
          ? 'a field either in labels or in metadata'
          : collector.labels.indexOf(label) < index
            ? 'each field once'
            : undefined;
    return wanted === undefined ? [] : { path: written(path), given: label, wanted, type: remove(path) };
  });
}

/** CloudBeaver shows a Postgres, and signs in with a secret that it has. */
export function shownMistakes({ databases }: Parsed): Mistake[] {
  return Object.entries(databases).flatMap(([name, { kind, adminPassword, cloudbeaver }]) => {
    if (!cloudbeaver || (kind === 'postgres' && adminPassword !== undefined)) return [];
    const path = ['databases', name, 'cloudbeaver'];
    const mistake =
      kind === 'redis'
        ? { given: 'true, of a redis', wanted: 'a postgres: CloudBeaver shows no other', type: remove(path) }
        : {
            given: 'true, without adminPassword',
            wanted: 'the secret with which CloudBeaver signs in',
            type: nameAndSet(['databases', name, 'adminPassword']),
          };
    return [{ path: written(path), ...mistake }];
  });
}

/** The exporter's container is named after its database; a job that delivers an exporter's files has a container, too. */
export function databaseNameMistakes({ databases }: Parsed, { stack }: { stack: string }): Mistake[] {
  return Object.entries(databases).flatMap(([name, database]) => {
    const base = /^(.+)-files$/.exec(name)?.[1];
    const isTaken = name === 'files' || (base !== undefined && databases[base]?.kind === database.kind);
    if (!isTaken) return [];
    const path = ['databases', name];
    return {
      path: written(path),
      given: name,
      wanted: 'another name: a job of the stack has it',
      type: rename(stack, path, `${name}-db`, database),
    };
  });
}

/** Without a password of one kind or the other the exporter cannot get in (S10), and no admin is made the exporter. */
export function databaseMistakes({ databases, postgresExporter, redisExporter }: Parsed): Mistake[] {
  return Object.entries(databases).flatMap(([name, database]) => {
    const { kind, adminPassword, password, user } = database;
    if (!(kind === 'postgres' ? postgresExporter : redisExporter).enabled) return [];
    const path = ['databases', name];
    if ((adminPassword ?? password) === undefined) {
      const role = kind === 'postgres' ? 'role' : 'user';
      return {
        path: written([...path, 'adminPassword']),
        given: 'neither adminPassword nor password',
        wanted: `the secret of an admin, with which the ${role} is made, or that of a ${role} you made`,
        type: nameAndSet([...path, 'adminPassword']),
      };
    }
    const others = user === adminOf(database) || (kind === 'redis' && user === everybody);
    if (adminPassword === undefined || !others) return [];
    return {
      path: written([...path, 'user']),
      given: user,
      wanted: 'a user of its own: with adminPassword it is made, and may read figures only',
      type: remove([...path, 'user']),
    };
  });
}

export function grafanaMistakes({ grafana }: Parsed, { extraFiles }: { extraFiles: Files }): Mistake[] {
  return [
    ...userMistakes(grafana),
    ...oauthMistakes(grafana.oauth),
    ...homeMistakes(grafana.home, extraFiles),
  ];
}
