import type { Files } from '../files.ts';
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
  const mistakes = Object.entries(files).flatMap(([file, content]): Mistake[] => {
    const at = `${folder.replace(/\/+$/, '')}/${file}`;
    const mistake = (given: string, wanted: string, type: string) => [{ path: 'extra', given, wanted, type }];
    if (/^rules\/[^/]+\.yml$/.test(file)) return [];
    if (/^dashboards\/[^/]+\.json$/.test(file)) {
      const reason = jsonError(content);
      return reason === undefined
        ? []
        : mistake(`${at}: ${reason}`, 'valid JSON', `npx prettier --check ${shellWord(at)}`);
    }
    const name = file.split('/').at(-1) ?? file;
    const better = /\.ya?ml$/.test(name)
      ? `rules/${name.replace(/\.ya?ml$/, '.yml')}`
      : name.endsWith('.json')
        ? `dashboards/${name}`
        : undefined;
    const to = better === undefined ? undefined : `${folder.replace(/\/+$/, '')}/${better}`;
    return mistake(
      `${at}, which nothing reads`,
      'only rules/*.yml and dashboards/*.json',
      to === undefined
        ? `rm ${shellWord(at)}`
        : `mkdir -p ${shellWord(to.replace(/\/[^/]+$/, ''))} && mv ${shellWord(at)} ${shellWord(to)}`,
    );
  });
  return { files, mistakes };
}

function jsonError(content: string): string | undefined {
  try {
    JSON.parse(content);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message.split('\n')[0] : 'not JSON';
  }
}
