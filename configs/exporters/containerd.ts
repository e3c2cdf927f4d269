// cAdvisor takes a container that Docker made for one only if containerd, where images are its, knows it. containerd's
// socket is as powerful as Docker's, so the filtering proxy lets one question through: what a container is.

/** A folder that the proxy and cAdvisor share. */
export const filteredFolder = '/run/filtered';
/** Where cAdvisor finds what the filter lets through: it dials a path only. */
export const filteredContainerd = `${filteredFolder}/containerd.sock`;
/** Where the proxy has the host's folder of containerd's socket: the folder, because a restart makes a new socket. */
export const containerdFolder = '/run/host-containerd';

/** Sections of haproxy.cfg. */
export const containerdFilter = `
frontend containerd
    # Its folder is mounted into two containers; nobody else can name it.
    bind unix@${filteredContainerd} mode 666 proto h2
    acl get path /containerd.services.containers.v1.Containers/Get
    acl docker req.fhdr(containerd-namespace) -m str moby
    # containerd takes the first of several; any of them would have passed.
    acl once req.fhdr_cnt(containerd-namespace) eq 1
    http-request deny deny_status 403 unless get docker once
    default_backend containerd

backend containerd
    server containerd unix@${containerdFolder}/containerd.sock proto h2
`;

/**
 * Lines for the Docker frontend: the engine's storage as cAdvisor has to see it, so that it asks containerd on every
 * engine instead of reading the engine's own folder as root. The host's details stay with the host.
 */
export const staticInfo = `    acl info path_reg ^(/v1\\.[0-9]+)?/info$
    http-request return status 200 content-type application/json string '{"Driver":"overlayfs"}' if reads info
`;
