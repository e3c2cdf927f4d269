import { currentConfig } from '../paths.ts';
import { type Files, revisionOf, yamlFile } from '../files.ts';
import type { ScrapeJob } from '../prometheus/render.ts';
import { type ExporterData, fixed, listenFlags, storesAddress, wget } from './data.ts';
import type { BlackboxExporterSettings, Probe } from './settings.ts';

const name = 'blackbox-exporter';
const port = 9115;
const file = 'blackbox.yml';
/** Its path in the container. */
const configFile = `${currentConfig}/${file}`;

/** One module a probe, and one that nobody asks: its name carries the revision that is read back. */
export function renderBlackbox(probes: Probe[]): Files {
  const modules = Object.fromEntries(probes.map((probe) => [probe.name, probeModule(probe)]));
  const revision = revisionOf({ [file]: yamlFile({ modules }) });
  return { [file]: yamlFile({ modules: { ...modules, [`revision_${revision}`]: { prober: 'tcp' } } }) };
}

/** The revision that the running configuration must name. */
export const blackboxRevision = (files: Files): string =>
  /revision_([0-9a-f]+)/.exec(files[file] ?? '')?.[1] ?? '';

function probeModule({ status, contains }: Probe) {
  return {
    prober: 'http',
    // Below Prometheus' own timeout, so that a slow answer is a failed probe and not a failed scrape.
    timeout: '8s',
    http: {
      method: 'GET',
      preferred_ip_protocol: 'ip4',
      ...(status.length > 0 && { valid_status_codes: status }),
      ...(contains !== undefined && { fail_if_body_not_matches_regexp: [contains] }),
    },
  };
}

/** Asks addresses as a user would. */
export function blackboxExporter(settings: BlackboxExporterSettings): ExporterData {
  const files = renderBlackbox(settings.probes);
  return {
    name,
    title: 'blackbox_exporter',
    image: 'blackboxExporter',
    imageOverride: settings.image,
    user: '65534:65534',
    args: [`--config.file=${configFile}`, ...listenFlags(name, port)],
    port,
    memory: settings.memory,
    // Applications, and through this network what is outside.
    networks: ['apps'],
    healthcheck: wget(port, '/-/healthy'),
    config: {
      files,
      check: ['/bin/blackbox_exporter', '--config.check', `--config.file=${configFile}`],
      apply: { logic: 'exporters/blackboxApply.ts', told: { revision: blackboxRevision(files) } },
    },
    scrape: [
      { name, targets: [storesAddress(name, port)] },
      ...settings.probes.map((probe): ScrapeJob => ({
        name: `probe-${probe.name}`,
        targets: [storesAddress(name, port)],
        path: '/probe',
        params: { module: [probe.name], target: [probe.url] },
        relabel: [fixed('job', 'blackbox'), fixed('instance', probe.url), fixed('probe', probe.name)],
      })),
    ],
  };
}
