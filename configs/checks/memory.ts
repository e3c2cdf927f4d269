import type { Parsed } from '../settings.ts';
import type { Mistake } from '../mistakes.ts';
import { set } from '../whatToType.ts';

const one = ['loki', 'prometheus', 'grafana', 'cloudbeaver', 'postgres', 'redis'] as const;
const scraped = ['nodeExporter', 'cadvisor', 'blackboxExporter'] as const;

/** The memory limit of everything that runs, in bytes, by setting; an exporter counts once for each database. */
export function memoryLimits(settings: Parsed): [string, number][] {
  const { loki, promtail, prometheus, cadvisor } = settings;
  const kinds = Object.values(settings.databases).map(({ kind }) => kind);
  const exporters = (['postgres', 'redis'] as const).flatMap((kind): [string, number][] => {
    const exporter = settings[`${kind}Exporter`];
    const count = kinds.filter((other) => other === kind).length + (settings[kind].enabled ? 1 : 0);
    return prometheus.enabled && exporter.enabled && count > 0
      ? [[`${kind}Exporter`, count * exporter.memory]]
      : [];
  });
  const collects = promtail.enabled && loki.enabled;
  const socket = collects || (cadvisor.enabled && prometheus.enabled);
  return [
    ...one.filter((key) => settings[key].enabled).map((key): [string, number] => [key, settings[key].memory]),
    ...(collects ? [['promtail', promtail.memory] as [string, number]] : []),
    ...scraped
      .filter((key) => prometheus.enabled && settings[key].enabled)
      .map((key): [string, number] => [key, settings[key].memory]),
    ...exporters,
    ...(socket ? [['socketProxy', settings.socketProxy.memory] as [string, number]] : []),
    ...Object.entries(settings.apps).map(([key, app]): [string, number] => [`apps.${key}`, app.memory]),
  ];
}

const mebibytes = (bytes: number) => `${String(Math.ceil(bytes / 2 ** 20))}MiB`;

export function memoryOverrun(settings: Parsed): Mistake[] {
  if (settings.memory === undefined) return [];
  const limits = memoryLimits(settings);
  const sum = limits.reduce((total, [, limit]) => total + limit, 0);
  if (sum <= settings.memory) return [];
  return [
    {
      path: 'memory',
      given: mebibytes(settings.memory),
      wanted: `at least ${mebibytes(sum)}, or lower limits: ${limits.map(([key, limit]) => `${key} ${mebibytes(limit)}`).join(', ')}`,
      type: set(['memory'], mebibytes(sum)),
    },
  ];
}
