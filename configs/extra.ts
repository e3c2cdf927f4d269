import type { Files } from './files.ts';

// The folder `extra` of a team's own rules and dashboards; configs/checks/extra.ts judges it.

/** Own rules, by file name. */
export const extraRules = (files: Files): Files => inFolder('rules/', '', files);
/** Own dashboards, by path in Grafana's folder of dashboards. */
export const extraDashboards = (files: Files): Files => inFolder('dashboards/', 'Extra/', files);

/** The uid of a dashboard, by which everything names it. */
export const dashboardUid = (content: string): string | undefined => {
  const { uid } = JSON.parse(content) as { uid?: unknown };
  return typeof uid === 'string' ? uid : undefined;
};

function inFolder(folder: string, under: string, files: Files): Files {
  return Object.fromEntries(
    Object.entries(files)
      .filter(([path]) => path.startsWith(folder))
      .map(([path, content]) => [`${under}${path.slice(folder.length)}`, content]),
  );
}
