export const settings = {
  labels: 'Labels',
  labelsHow: 'Rules in YAML: flows for which the filter holds get the label. Column Labels, filter field label.',
  inUse: 'In use: {names}',
  import: 'Import…',
  export: 'Export',
  networks: 'Networks and countries',
  networksHow:
    "Offline databases (MMDB) on the engine's machine, one path a line: whose network an address is in, and its country.",
  database: 'In use: {type}, of {built}',
} as const;
