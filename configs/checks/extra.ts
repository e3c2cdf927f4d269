import { dashboardUid } from '../extra.ts';
import type { Files } from '../files.ts';
import { stackDashboardUid as ownUid } from '../grafana/dashboards/stack.ts';
import type { Mistake } from '../mistakes.ts';
import { shellWord } from '../whatToType.ts';

/** The files of the folder `extra`, and what is wrong with them: a file that nothing reads is a mistake, not a riddle. */
export function readExtra(
  folder: string | undefined,
  readFolder: (path: string) => Files | undefined,
): { files: Files; mistakes: Mistake[] } {
  if (folder === undefined) return { files: {}, mistakes: [] };
  const files = readFolder(folder);
  if (files === undefined) {
    const wanted = 'a folder that exists';
    return {
      files: {},
      mistakes: [{ path: 'extra', given: folder, wanted, type: `mkdir -p ${shellWord(folder)}` }],
    };
  }
  const uids = new Map([[ownUid, "Taffrail's own"]]);
  const mistakes = Object.entries(files).flatMap(([file, content]): Mistake[] => {
    const own = folder.replace(/\/+$/, '');
    const at = `${own}/${file}`;
    const mistake = (given: string, wanted: string, type: string) => [{ path: 'extra', given, wanted, type }];
    if (/^rules\/[^/]+\.yml$/.test(file)) return [];
    if (/^dashboards\/[^/]+\.json$/.test(file)) {
      return dashboardMistakes(at, content, uids);
    }
    const name = file.split('/').at(-1) ?? file;
    const better = /\.ya?ml$/.test(name)
      ? `rules/${name.replace(/\.ya?ml$/, '.yml')}`
      : name.endsWith('.json')
        ? `dashboards/${name}`
        : undefined;
    // Out of the folder, beside it, where it has no place in it: it is a person's.
    const to =
      better === undefined || Object.hasOwn(files, better)
        ? `${own}-${file.replaceAll('/', '-')}`
        : `${own}/${better}`;
    return mistake(
      `${at}, which nothing reads`,
      'only rules/*.yml and dashboards/*.json',
      to.startsWith(`${own}/`)
        ? `mkdir -p ${shellWord(to.replace(/\/[^/]+$/, ''))} && mv ${shellWord(at)} ${shellWord(to)}`
        : `mv -i ${shellWord(at)} ${shellWord(to)}`,
    );
  });
  return { files, mistakes };
}

/** What is wrong with a dashboard; `uids` keeps whose each is, from one to the next. */
function dashboardMistakes(at: string, content: string, uids: Map<string, string>): Mistake[] {
  const mistake = (given: string, wanted: string, type: string) => [{ path: 'extra', given, wanted, type }];
  const reason = jsonError(content);
  if (reason !== undefined)
    return mistake(`${at}: ${reason}`, 'valid JSON', `npx prettier --check ${shellWord(at)}`);
  const uid = dashboardUid(content);
  if (uid === undefined) {
    const name = at.replace(/^.*\/|\.json$/g, '').replace(/[^\w-]+/g, '-');
    return mistake(
      `${at}, which has no uid`,
      'a dashboard with a uid, by which it is read back',
      `sed -i '0,/{/s/{/{ "uid": "${name.slice(0, 40)}",/' ${shellWord(at)}`,
    );
  }
  const first = uids.get(uid);
  if (first === undefined) {
    uids.set(uid, at);
    return [];
  }
  return mistake(
    `${at}, whose uid ${uid} is that of ${first}`,
    'a uid of its own for each dashboard',
    `sed -i 's/"${uid}"/"${uid.slice(0, 38)}-2"/' ${shellWord(at)}`,
  );
}

function jsonError(content: string): string | undefined {
  try {
    const model: unknown = JSON.parse(content);
    return typeof model === 'object' && model !== null && !Array.isArray(model)
      ? undefined
      : 'no dashboard, which is an object';
  } catch (error) {
    return error instanceof Error ? error.message.split('\n')[0] : 'not JSON';
  }
}
