import type { Settings } from '../settings.ts';
import { blackboxExporter } from './blackbox.ts';
import { cadvisor } from './cadvisor.ts';
import type { ExporterData } from './data.ts';
import { nodeExporter } from './node.ts';

/** The exporters of the host; those of databases come with their database. A new one is a line here. */
export const hostExporters = (settings: Settings): ExporterData[] => [
  ...(settings.nodeExporter.enabled ? [nodeExporter(settings.nodeExporter, settings.host)] : []),
  ...(settings.cadvisor.enabled ? [cadvisor(settings.cadvisor, settings.host)] : []),
  ...(settings.blackboxExporter.enabled ? [blackboxExporter(settings.blackboxExporter)] : []),
];
