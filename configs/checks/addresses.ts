import { BlockList, isIPv6 } from 'node:net';

// Which addresses only this host, or only a private network, can reach.

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8);
loopback.addAddress('::1', 'ipv6');

// RFC 1918, 6598 (also Tailscale's), 3927, 4193, 4291: private networks and VPNs.
const private_ = new BlockList();
private_.addSubnet('10.0.0.0', 8);
private_.addSubnet('172.16.0.0', 12);
private_.addSubnet('192.168.0.0', 16);
private_.addSubnet('100.64.0.0', 10);
private_.addSubnet('169.254.0.0', 16);
private_.addSubnet('fc00::', 7, 'ipv6');
private_.addSubnet('fe80::', 10, 'ipv6');

const within = (list: BlockList, address: string): boolean =>
  list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');

export const isLoopback = (address: string): boolean => within(loopback, address);

/** Anybody may reach it, as far as can be told; `0.0.0.0` and `::` are every address of the host. */
export const isPublic = (address: string): boolean => !isLoopback(address) && !within(private_, address);

const everywhere = ['0.0.0.0', '::'];

/** Whether one port cannot be published on both. */
export const overlap = (one: string, other: string): boolean =>
  one === other || everywhere.includes(one) || everywhere.includes(other);
