import {
  grafanaMetricsPasswordFile,
  grafanaMetricsUser,
  grafanaPort,
  grafanaService,
} from '../grafana/listen.ts';
import { lokiPort, lokiService } from '../loki/listen.ts';
import { promtailPort, promtailService } from '../promtail/listen.ts';
import type { Settings } from '../settings.ts';
import type { ScrapeJob } from './render.ts';
import type { ScrapeJobSettings } from './settings.ts';

/** The name of the file that holds the password of a scrape job of the team's own. */
export const jobPasswordFile = (job: string): string => `scrape-${job}-password`;

/** The stack's own programs; those that are switched off are not asked (S1). */
export function stackJobs({ loki, promtail, grafana }: Settings, secretsFolder: string): ScrapeJob[] {
  return [
    ...(loki.enabled ? [{ name: lokiService, targets: [`${lokiService}:${String(lokiPort)}`] }] : []),
    ...(promtail.enabled
      ? [{ name: promtailService, targets: [`${promtailService}:${String(promtailPort)}`] }]
      : []),
    ...(grafana.enabled
      ? [
          {
            name: grafanaService,
            targets: [`${grafanaService}:${String(grafanaPort)}`],
            basicAuth: {
              username: grafanaMetricsUser,
              passwordFile: `${secretsFolder}/${grafanaMetricsPasswordFile}`,
            },
          },
        ]
      : []),
  ];
}

/** The team's own scrape jobs. */
export function givenJobs(jobs: readonly ScrapeJobSettings[], secretsFolder: string): ScrapeJob[] {
  return jobs.map(({ username, password, ...job }) => ({
    ...job,
    ...(username !== undefined &&
      password !== undefined && {
        basicAuth: { username, passwordFile: `${secretsFolder}/${jobPasswordFile(job.name)}` },
      }),
  }));
}
