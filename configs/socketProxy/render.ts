import { containerdFilter, staticInfo } from '../exporters/containerd.ts';
import { type Files } from '../files.ts';

/** Where the filtering proxy of the Docker socket answers. */
export const socketProxyPort = 2375;
export const socketProxyService = 'socket-proxy';
export const socketProxyUrl = `tcp://${socketProxyService}:${String(socketProxyPort)}`;

/** Where the socket is mounted in the proxy's container. */
export const socketMountPath = '/var/run/docker.sock';

// Exact paths: `containers/<id>/archive` and `/export`, which read any file of any container, match none of them.
const allowed = [
  '_ping',
  'version',
  'info',
  'events',
  'networks',
  'containers/json',
  'containers/[a-zA-Z0-9][a-zA-Z0-9_.-]*/json',
  'containers/[a-zA-Z0-9][a-zA-Z0-9_.-]*/logs',
];

/** The one thing that touches the Docker socket lets exact paths through, to read only; `containerd`: one question of cAdvisor's as well. */
export function renderSocketProxy(containerd: boolean): Files {
  return {
    'haproxy.cfg': `# Written by Taffrail; the next \`pulumi up\` overwrites it.
global
    # The process is root's already, for the socket; unsaid, each start warns of it.
    uid 0
    # One thread a processor is more than two clients need, and each takes memory.
    nbthread 2
    log stdout format raw local0 warning
    maxconn 256

defaults
    mode http
    log global
    timeout connect 5s
    # Logs and events are followed for as long as a container lives.
    timeout client 24d
    timeout server 24d
    timeout http-request 10s

frontend docker
    bind *:${String(socketProxyPort)}
    acl reads method GET
    acl allowed path_reg ^(/v1\\.[0-9]+)?/(${allowed.join('|')})$
${containerd ? staticInfo : ''}    http-request deny deny_status 403 unless reads allowed
    # A hijacked connection would carry anything past the filter.
    http-request del-header Upgrade
    default_backend engine

backend engine
    server engine unix@${socketMountPath}
${containerd ? containerdFilter : ''}`,
  };
}
