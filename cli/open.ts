import { runApp, runInBrowser } from './app.ts';
import { usageError, type Command, type Given } from './command.ts';

export const command: Command = {
  name: 'open',
  usage: 'FILE [--follow]',
  summary: 'Open a capture in the app, also one that is still being written',
  details: `
FILE is a recording of ours, or any pcap or pcapng file, also compressed. - is standard input, shown while it comes:
  ssh host tcpdump -U -w - | flowglass open -
When the writer goes away the recording has ended and stays to be looked at. What comes in is kept in a temporary file
until the app ends.`,
  options: {
    follow: { help: 'the file still grows: show what is added to it' },
  },
  async run(given: Given): Promise<void> {
    const [file, extra] = given.positionals;
    if (file === undefined) throw usageError('no file to open', 'flowglass open', 'give a FILE (- is standard input)');
    if (extra !== undefined) throw usageError('more than one file', extra, 'give one FILE');
    if (file === '-' || given.has('follow'))
      return runInBrowser({ file, follow: true }, 'a capture that is being written is shown there');
    return runApp(file);
  },
};
