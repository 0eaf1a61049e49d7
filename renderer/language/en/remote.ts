export const remote = {
  title: 'Attach to a host',
  host: 'Host: user@host, or a name of ssh’s configuration',
  connect: 'Connect',
  how: 'Over ssh as it is set up here. The capture helper is brought along and taken away again; nothing is written there.',
  connecting: 'Connecting…',
  attaching: 'Attaching…',
  interfaces: 'Interfaces of {host}',
  tcpdump: 'Packets only, by tcpdump there',
  cancel: 'Close',
  lost: 'The connection to {host} was lost.',
} as const;
