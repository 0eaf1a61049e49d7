/** Which capture file the command line, the desktop's file manager or a second start names. */
import { statSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { OpenDialogOptions, SaveDialogOptions } from './electron-api.ts';

export const OPEN_DIALOG: OpenDialogOptions = {
  title: 'Open a recording',
  properties: ['openFile'],
  filters: [
    { name: 'Captures', extensions: ['pcapng', 'pcap', 'ntar', 'cap', 'dmp', 'gz', 'zst'] },
    { name: 'All files', extensions: ['*'] },
  ],
};

/** What a page may have shown in the file manager: the full path of a capture; nothing is opened by it. */
export const shownPath = z.tuple([
  z
    .string()
    .max(4096)
    .regex(/^\/[^\0]*\.(pcapng|pcap|cap)(\.(gz|zst))?$/i),
]);

/** What a page may suggest as a file name: a name, no path. */
export const suggestedName = z.tuple([
  z
    .string()
    .min(1)
    .max(200)
    .regex(/^[^/\0]+$/),
]);

export function saveDialog(name: string): SaveDialogOptions {
  const extension = extname(name).slice(1);
  return {
    title: 'Export',
    defaultPath: name,
    properties: ['showOverwriteConfirmation', 'createDirectory'],
    filters: [
      ...(extension === '' ? [] : [{ name: extension, extensions: [extension] }]),
      { name: 'All files', extensions: ['*'] },
    ],
  };
}

/**
 * The file among a program's arguments, absolute; null when there is none. A development start has the app's folder as
 * first argument (`packaged` false). Chromium's own switches and whatever is not a file are passed over.
 */
export function fileArgument(argv: readonly string[], directory: string, packaged: boolean): string | null {
  for (const argument of argv.slice(packaged ? 1 : 2)) {
    if (argument.startsWith('-')) continue;
    const path = absolute(argument, directory);
    if (path !== null && statSync(path, { throwIfNoEntry: false })?.isFile()) return path;
  }
  return null;
}

/** Desktop entries with %U hand over URLs, those with %F paths. */
function absolute(argument: string, directory: string): string | null {
  if (argument === '' || argument.includes('\0')) return null;
  if (!argument.startsWith('file:')) return resolve(directory, argument);
  try {
    return fileURLToPath(argument);
  } catch {
    return null;
  }
}

/** What a second start tells the first one; a switch-free way round Chromium's own argument list. */
export const secondStart = z.object({ file: z.string().max(4096).nullable() });
