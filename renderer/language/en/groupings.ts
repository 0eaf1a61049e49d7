/** What the flow table can be grouped by. */
export const groupings = {
  process: 'process name',
  pid: 'process',
  user: 'user',
  unit: 'unit or container',
  container: 'container',
  peer: 'peer',
  domain: 'domain of the peer',
  network: 'network of the peer',
  owner: 'organisation of the peer',
  label: 'label',
  protocol: 'protocol',
  application: 'application protocol',
  port: 'port',
  state: 'state',
  interface: 'interface',
} as const;
