import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Files } from './files.ts';

// The folder `extra` of a team's own rules and dashboards; configs/checks/extra.ts judges it.

/**
 * A folder's files, by path below it; undefined when it is not there. Without dot files, which are an editor's or a
 * tool's, and links that lead nowhere.
 */
export function readFolder(path: string): Files | undefined {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return undefined;
  const files = readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((file) => !file.split('/').some((part) => part.startsWith('.')))
    .filter((file) => existsSync(join(path, file)) && statSync(join(path, file)).isFile())
    .sort();
  return Object.fromEntries(files.map((file) => [file, readFileSync(join(path, file), 'utf8')]));
}

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
