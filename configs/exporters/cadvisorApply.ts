import { type Apply, ApplyError, until } from '../running.ts';

export interface CadvisorTold {
  /** A container that it must name: its own. */
  service: string;
  /** The folder of the host in which it expects containerd's socket. */
  folder: string;
  stack: string;
}

/** cAdvisor runs without Docker or containerd too, and then names no container: so it is asked. */
export const apply: Apply<CadvisorTold> = async (program, { service, folder, stack }) => {
  await until(program, '/healthz', { seconds: 60 });
  const named = `container_label_com_docker_compose_service="${service}"`;
  try {
    await until(program, '/metrics', { seconds: 30, wanted: ({ body }) => body.includes(named) });
  } catch (error) {
    if (!(error instanceof ApplyError)) throw error;
    throw new ApplyError(
      `It names no container. It asks containerd, whose socket it expects in ${folder} of the host.\n` +
        'Find it there (ls -d /run/containerd /run/docker/containerd), then type:\n' +
        `  pulumi config set -s ${stack} --path taffrail:cadvisor.containerd <folder>`,
    );
  }
  return 'cAdvisor names containers';
};
