import { fixed } from '../exporters/data.ts';
import type { ScrapeJob } from '../prometheus/render.ts';
import type { AppSettings } from './settings.ts';

/** Where Prometheus finds the metrics of an App, if it has any. */
export function appScrape(name: string, { metrics }: Pick<AppSettings, 'metrics'>): ScrapeJob[] {
  if (metrics === undefined) return [];
  const { port, path, interval } = metrics;
  return [{ name, targets: [`${name}:${String(port)}`], path, interval, relabel: [fixed('service', name)] }];
}
