export const explore = {
  latency: 'Latency',
  flows: 'Flows',
  details: 'Details',
  lowerPane: 'Lower pane',
  graphWidth: 'Width of the graph',
  graphHeight: 'Height of the graph',
} as const;
