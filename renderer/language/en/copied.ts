/** What was put on the clipboard, from anywhere. */
export const copied = {
  name: 'Copied the name',
  path: 'Copied the path of the recording',
  filter: 'Copied the filter',
  command: 'Copied the command',
  finding: 'Copied what was found',
  flowLine: 'Copied what the flow is',
  rowText: 'Copied the row as text',
  flowFilter: 'Copied a filter for this flow',
  flowJson: 'Copied the flow as JSON',
  refused: 'Nothing was copied: the browser does not let this page write to the clipboard',
  refusedHint: 'open the page over localhost or https',
} as const;
