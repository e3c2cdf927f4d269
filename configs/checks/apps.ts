import type { Parsed } from '../settings.ts';
import type { Mistake } from '../mistakes.ts';
import { remove, rename, set, type SettingPath, written } from '../whatToType.ts';

/** The compose services of Taffrail, whose names no app may take. */
const ownServices = [
  ...[
    'grafana',
    'prometheus',
    'loki',
    'promtail',
    'cloudbeaver',
    'postgres',
    'redis',
    'cadvisor',
    'node-exporter',
  ],
  ...[
    'postgres-exporter',
    'redis-exporter',
    'blackbox-exporter',
    'socket-proxy',
    'alertmanager',
    'alloy',
    'networks',
    'host',
  ],
];

/** What the volumes of a service, its jobs and their short-lived containers are called, after its name. */
const ownParts = new RegExp(
  `^(?:(?:${ownServices.join('|')})-(?:config|data|positions|filtered|files(?:-check)?|(?:reload|restart|proof)(?:-beside)?|role|password)|cloudbeaver-(?:conf|secrets|workspace))$`,
);

/** Whether a container, job or volume of Taffrail's has that name, or that of another app. */
function isTaken(name: string, { databases, apps }: Parsed): boolean {
  const ofDatabases = Object.entries(databases).flatMap(([database, { kind }]) => [
    `${kind}-${database}-role`,
    ...['', '-config', '-files'].map((part) => `${kind}-exporter-${database}${part}`),
  ]);
  const ofApps = Object.keys(apps).flatMap((app) => [`${app}-secrets`, `${app}-files`]);
  return [...ownServices, ...ofDatabases, ...ofApps].includes(name) || ownParts.test(name);
}

/** Each app against the rest of the settings. */
export function appMistakes(settings: Parsed, { stack }: { stack: string }): Mistake[] {
  return Object.entries(settings.apps).flatMap(([name, app]) => {
    const path: SettingPath = ['apps', name];
    const found: Mistake[] = [];
    const mistake = (at: SettingPath, given: string, wanted: string, type: string) =>
      found.push({ path: written(at), given, wanted, type });
    if (isTaken(name, settings)) {
      mistake(
        path,
        name,
        'another name: a container or a volume of the stack has it',
        rename(stack, path, `own-${name}`, {}),
      );
    }
    if (app.image === undefined && app.build === undefined) {
      mistake(
        path,
        'neither image nor build',
        'an image, or a folder to build',
        set([...path, 'image'], `ghcr.io/acme/${name}:1.0.0`),
      );
    }
    if (app.image !== undefined && app.build !== undefined) {
      mistake(path, 'both image and build', 'an image, or a folder to build', remove([...path, 'image']));
    }
    const shared = Object.values(app.secrets).flatMap(
      (secret) => /^(postgres|redis)\.password$/.exec(secret)?.[1] ?? [],
    );
    for (const need of new Set([...app.needs, ...(shared as typeof app.needs)])) {
      if (settings[need].enabled) continue;
      const at = app.needs.includes(need) ? 'needs' : 'secrets';
      mistake(
        [...path, at],
        at === 'needs' ? need : `${need}.password`,
        `something that runs; ${need} is switched off`,
        set([need, 'enabled'], 'true'),
      );
    }
    app.mounts.forEach(({ source, target }, index) => {
      const at = [...path, 'mounts', index];
      if (
        /\/(docker|containerd)\.sock$|^\/((var\/)?run(\/(docker|containerd)?)?|var(\/lib(\/(docker|containerd))?)?)?\/?$/.test(
          source,
        )
      ) {
        mistake(
          [...at, 'source'],
          source,
          'a folder without the sockets and the data of the engine: who has them has the host',
          remove(at),
        );
      }
      if (/^\/run(\/secrets.*)?\/?$/.test(target)) {
        mistake(
          [...at, 'target'],
          target,
          'a path other than /run/secrets, where the secrets are',
          set([...at, 'target'], `/data${target}`),
        );
      }
      if (app.mounts.findIndex((other) => other.target === target) < index) {
        mistake(
          [...at, 'target'],
          target,
          'each path in the container once',
          set([...at, 'target'], `${target}-${String(index + 1)}`),
        );
      }
    });
    return found;
  });
}
